package operations

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// requireRight makes the write depend on what entitles an actor to it: it commits
// only while they still have the permissions. Whoever exposes an operation has
// checked its caller before, but a right may be lost between check and commit.
// The system needs no right.
// Errors: Forbidden, NotFound (not_found) for the object.
func (o *Operations) requireRight(ctx context.Context, w *access.Write, actor, object access.Object, permissions ...string) error {
	if actor == access.System {
		return nil
	}
	for _, permission := range permissions {
		allowed, grounds, err := o.Relationships.Grounds(ctx, access.Check{
			Resource: object, Permission: permission, Subject: access.Subject{Object: actor},
		})
		if err != nil {
			return err
		}
		if !allowed {
			if err := o.missing(ctx, object); err != nil {
				return err
			}
			return forbidden(permission, object)
		}
		w.Require(grounds...)
	}
	return nil
}

func forbidden(permission string, object access.Object) error {
	return &access.Error{
		Kind: access.Forbidden, Code: "forbidden", Permission: permission,
		Detail: fmt.Sprintf("this needs %s on %s", permission, object),
	}
}

// missing fails with NotFound unless the object exists.
func (o *Operations) missing(ctx context.Context, object access.Object) error {
	kind, _ := roles.KindOf(object.Type)
	if kind.Tie == "" {
		return nil
	}
	ties, _, err := o.Relationships.Read(ctx, access.On(object, kind.Tie))
	if err == nil && len(ties) == 0 {
		err = notFound(object)
	}
	return err
}

// givenBy lists the permissions that giving all of the roles takes.
func givenBy(given []roles.Role) []string {
	var permissions []string
	for _, role := range given {
		if !slices.Contains(permissions, role.GivenBy) {
			permissions = append(permissions, role.GivenBy)
		}
	}
	return permissions
}
