package operations

import (
	"cmp"
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Assignment is what a person is on an object of a site, and on what lies beneath.
type Assignment struct {
	Object  access.ObjectProfile
	Roles   []HeldRole
	Reaches bool // as an admin, everything beneath, also what is created later
	Beneath []*Assignment
}

// Assignments is what a person is in a site (C9-8).
type Assignments struct {
	Level   string // id of their highest role, or empty
	Removed bool   // from the site: no role works
	Site    *Assignment
}

// Assignments returns a person's roles in a site as a tree that goes as deep as
// their roles do, as far as the viewer manages the people of the objects they are
// on. Whoever would see nothing hears that there is no such site.
// Errors: NotFound (not_found).
func (o *Operations) Assignments(ctx context.Context, viewer, person, site access.Object) (Assignments, error) {
	found, _, err := o.Relationships.Read(ctx, access.On(site, "").To(person), access.On(site, "platform"),
		access.Filter{ResourceType: access.TypeClient}.To(person), access.Filter{ResourceType: access.TypeProject}.To(person))
	if err != nil {
		return Assignments{}, err
	}
	tree := &tree{nodes: map[access.Object]*Assignment{}}
	tree.add(site, access.Object{})
	result, exists, highest := Assignments{}, false, 0
	for _, r := range found {
		exists = exists || r.Relation == "platform"
		result.Removed = result.Removed || r.Resource == site && r.Relation == "removed"
		i := slices.IndexFunc(roles.On(r.Resource.Type), func(role roles.Role) bool { return role.Relation == r.Relation })
		if i < 0 {
			continue
		}
		role := roles.On(r.Resource.Type)[i]
		visible, err := o.seesPeople(ctx, viewer, r.Resource, person)
		if err != nil {
			return Assignments{}, err
		}
		path, err := o.path(ctx, r.Resource)
		if err != nil {
			return Assignments{}, err
		}
		if !visible || path[0] != site {
			continue
		}
		for n, object := range path[1:] {
			tree.add(object, path[n])
		}
		node := tree.nodes[r.Resource]
		node.Roles = append(node.Roles, HeldRole{Role: role, EndsAt: r.EndsAt})
		node.Reaches = node.Reaches || role.Relation == "admin"
		if role.Rank > highest {
			highest, result.Level = role.Rank, role.ID
		}
	}
	manages, err := o.Checks.Check(ctx, access.Check{Resource: site, Permission: "manage_people", Subject: access.Subject{Object: viewer}})
	if err != nil {
		return Assignments{}, err
	}
	if !exists || highest == 0 && !manages.Allowed {
		return Assignments{}, notFound(site)
	}
	if result.Removed {
		// What is left of their roles is being cleaned up, and gives nothing.
		tree.nodes[site].Roles, tree.nodes[site].Reaches, tree.nodes[site].Beneath, result.Level = nil, false, nil, ""
	}
	result.Site = tree.nodes[site]
	return result, o.name(ctx, tree)
}

// path climbs from an object of a site, and lists what it met from the top down.
func (o *Operations) path(ctx context.Context, object access.Object) ([]access.Object, error) {
	path := []access.Object{object}
	for {
		kind, _ := roles.KindOf(object.Type)
		if kind.Parent == access.TypePlatform {
			return path, nil
		}
		parents, _, err := o.Relationships.Read(ctx, access.On(object, kind.Tie))
		if err != nil || len(parents) == 0 {
			return path, err
		}
		object = parents[0].Subject.Object
		path = append([]access.Object{object}, path...)
	}
}

// tree finds its nodes by their objects.
type tree struct{ nodes map[access.Object]*Assignment }

func (t *tree) add(object, parent access.Object) {
	if t.nodes[object] != nil {
		return
	}
	t.nodes[object] = &Assignment{Object: access.ObjectProfile{Object: object}}
	if above := t.nodes[parent]; above != nil {
		above.Beneath = append(above.Beneath, t.nodes[object])
	}
}

// name looks up what the objects of a tree are called, and puts them in that order.
func (o *Operations) name(ctx context.Context, t *tree) error {
	byType := map[string][]string{}
	for object := range t.nodes {
		byType[object.Type] = append(byType[object.Type], object.ID)
	}
	for objectType, ids := range byType {
		profiles, err := o.named(ctx, objectType, ids)
		if err != nil {
			return err
		}
		for _, p := range profiles {
			t.nodes[p.Object].Object = p
		}
	}
	for _, node := range t.nodes {
		slices.SortFunc(node.Beneath, func(a, b *Assignment) int {
			return cmp.Or(cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Object.ID, b.Object.ID))
		})
	}
	return nil
}
