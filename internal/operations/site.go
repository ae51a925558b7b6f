package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// site is the root of the tree an object stands in: the partner of a client or
// project, any other object itself.
// Errors: NotFound (not_found).
func (o *Operations) site(ctx context.Context, object access.Object) (access.Object, error) {
	line, err := o.lineage(ctx, object)
	if err != nil {
		return access.Object{}, err
	}
	return line[len(line)-1], nil
}

// lineage climbs from an object to its site, and lists the objects on the way.
// Errors: NotFound (not_found).
func (o *Operations) lineage(ctx context.Context, object access.Object) ([]access.Object, error) {
	lines, err := o.lineages(ctx, object)
	if err == nil && lines[object] == nil {
		err = notFound(object)
	}
	return lines[object], err
}

// lineages climbs from many objects at once, a level at a time. Objects that do
// not exist, or hang from one that does not, have none.
func (o *Operations) lineages(ctx context.Context, objects ...access.Object) (map[access.Object][]access.Object, error) {
	parents, level := map[access.Object]access.Object{}, objects
	for len(level) > 0 {
		var ties []access.Filter
		for _, object := range level {
			if kind, ok := roles.KindOf(object.Type); ok && !kind.Root() && parents[object] == (access.Object{}) {
				ties = append(ties, access.On(object, kind.Tie))
			}
		}
		level = nil
		if len(ties) == 0 {
			break
		}
		found, _, err := o.Relationships.Read(ctx, ties...)
		if err != nil {
			return nil, err
		}
		for _, tie := range found {
			parents[tie.Resource] = tie.Subject.Object
			level = append(level, tie.Subject.Object)
		}
	}
	lines := map[access.Object][]access.Object{}
	for _, object := range objects {
		if line := climb(object, parents); line != nil {
			lines[object] = line
		}
	}
	return lines, nil
}

func climb(object access.Object, parents map[access.Object]access.Object) (line []access.Object) {
	for {
		kind, ok := roles.KindOf(object.Type)
		if !ok {
			return nil
		}
		line = append(line, object)
		if kind.Root() {
			return line
		}
		if object, ok = parents[object]; !ok {
			return nil
		}
	}
}

// placed is a role somebody holds, with the line from its object to the site.
type placed struct {
	held access.Relationship
	role roles.Role
	line []access.Object
}

// rolesInSite lists what somebody holds on a partner and beneath it; on other
// objects nothing stands beneath, so that there is nothing to list.
func (o *Operations) rolesInSite(ctx context.Context, site, person access.Object) ([]placed, error) {
	if site.Type != access.TypePartner {
		return nil, nil
	}
	found, _, err := o.Relationships.Read(ctx, access.On(site, "admin").To(person),
		access.Filter{ResourceType: access.TypeClient}.To(person), access.Filter{ResourceType: access.TypeProject}.To(person))
	if err != nil {
		return nil, err
	}
	objects := make([]access.Object, len(found))
	for i, r := range found {
		objects[i] = r.Resource
	}
	lines, err := o.lineages(ctx, objects...)
	if err != nil {
		return nil, err
	}
	var inSite []placed
	for _, r := range found {
		role, ok := roleOf(r)
		if line := lines[r.Resource]; ok && len(line) > 0 && line[len(line)-1] == site {
			inSite = append(inSite, placed{r, role, line})
		}
	}
	return inSite, nil
}

// roleOf is the role that a relationship gives, if it does.
func roleOf(r access.Relationship) (roles.Role, bool) {
	on := roles.On(r.Resource.Type)
	i := slices.IndexFunc(on, func(role roles.Role) bool { return role.Relation == r.Relation })
	if i < 0 || r.Subject.Type != access.TypeUser {
		return roles.Role{}, false
	}
	return on[i], true
}

// highest is the rank of the highest of the roles, 0 if there is none.
func highest(held []placed) (rank int) {
	for _, e := range held {
		rank = max(rank, e.role.Rank)
	}
	return rank
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
