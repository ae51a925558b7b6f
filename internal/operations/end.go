package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// EndRole ends a person's role on an object now. Ending a role that is not held
// changes nothing and is no error.
// Errors: Invalid (unknown_role), Conflict (self_removal, last_admin).
func (o *Operations) EndRole(ctx context.Context, by By, object, person access.Object, roleID string) (access.Token, error) {
	role, err := roles.Member(object.Type, roleID)
	if err != nil {
		return "", err
	}
	if role.NotOwn && by.Actor == person {
		return "", access.Fail(access.Conflict, "self_removal", "nobody ends their own role as %s; another admin can", role.Name)
	}
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("end_role")}
		if err := o.requireRight(ctx, &w, by.Actor, object, role.TakenBy); err != nil {
			return w, "", err
		}
		held := role.For(object, person)
		found, at, err := o.Relationships.Read(ctx, append(guardFilters(object), access.Exactly(held))...)
		if err != nil {
			return w, "", err
		}
		if !slices.ContainsFunc(found, func(r access.Relationship) bool { return access.Exactly(r) == access.Exactly(held) }) {
			return w, at, nil
		}
		w.Replace(held)
		return w, at, o.guard(&w, object, found, held)
	})
}
