package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// site climbs from an object to the root of the tree it stands in: the partner of
// a client or project, any other object itself.
// Errors: NotFound (not_found).
func (o *Operations) site(ctx context.Context, object access.Object) (access.Object, error) {
	for {
		kind, ok := roles.KindOf(object.Type)
		if !ok {
			return access.Object{}, notFound(object)
		}
		if kind.Parent == "" || kind.Parent == access.TypePlatform {
			return object, nil
		}
		parents, _, err := o.Relationships.Read(ctx, access.On(object, kind.Tie))
		if err != nil {
			return access.Object{}, err
		}
		if len(parents) == 0 {
			return access.Object{}, notFound(object)
		}
		object = parents[0].Subject.Object
	}
}

// knownTo reports whether the viewer can see that a person has anything in a
// site. Who is invisible to the viewer must look like a stranger.
func (o *Operations) knownTo(ctx context.Context, viewer, site, person access.Object) (bool, error) {
	var filters []access.Filter
	for _, kind := range roles.Kinds {
		if kind.Type == site.Type || site.Type == access.TypePartner && (kind.Type == access.TypeClient || kind.Type == access.TypeProject) {
			filters = append(filters, access.Filter{ResourceType: kind.Type}.To(person))
		}
	}
	held, _, err := o.Relationships.Read(ctx, filters...)
	if err != nil {
		return false, err
	}
	seen := map[access.Object]bool{}
	for _, r := range held {
		isRole := slices.ContainsFunc(roles.On(r.Resource.Type), func(role roles.Role) bool { return role.Relation == r.Relation })
		if !isRole || seen[r.Resource] {
			continue
		}
		seen[r.Resource] = true
		visible, err := o.seesPeople(ctx, viewer, r.Resource, person)
		if err != nil {
			return false, err
		}
		if !visible {
			continue
		}
		root, err := o.site(ctx, r.Resource)
		if err != nil && !access.IsKind(err, access.NotFound) {
			return false, err
		}
		if root == site {
			return true, nil
		}
	}
	return false, nil
}

// seesPeople reports whether the viewer may see a person's role on an object.
func (o *Operations) seesPeople(ctx context.Context, viewer, object, person access.Object) (bool, error) {
	if viewer == person || viewer == access.System {
		return true, nil
	}
	kind, _ := roles.KindOf(object.Type)
	decision, err := o.Checks.Check(ctx, access.Check{
		Resource: object, Permission: kind.PeopleBy, Subject: access.Subject{Object: viewer},
	})
	return decision.Allowed, err
}

// exists is the precondition that an object has not gone meanwhile. The platform
// always exists.
func exists(object access.Object) []access.Precondition {
	kind, _ := roles.KindOf(object.Type)
	if kind.Tie == "" {
		return nil
	}
	return []access.Precondition{access.MustMatch(access.On(object, kind.Tie))}
}

func notFound(object access.Object) error {
	return access.Fail(access.NotFound, "not_found", "there is no %s %q", object.Type, object.ID)
}
