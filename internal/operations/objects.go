package operations

import (
	"cmp"
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Object returns what one object is called.
// Errors: NotFound (not_found).
func (o *Operations) Object(ctx context.Context, object access.Object) (access.ObjectProfile, error) {
	found, err := o.named(ctx, object.Type, []string{object.ID})
	if err != nil {
		return access.ObjectProfile{}, err
	}
	return found[0], nil
}

// Objects returns a page of the objects of a kind that the viewer may read.
func (o *Operations) Objects(ctx context.Context, viewer access.Object, kind roles.Kind, page access.Page) ([]access.ObjectProfile, string, error) {
	found, err := o.Lookups.LookupResources(ctx, kind.Type, "read", access.Subject{Object: viewer}, page)
	if err != nil {
		return nil, "", err
	}
	profiles, err := o.named(ctx, kind.Type, found.IDs)
	return profiles, found.Next, err
}

// Children returns a page of the objects of a kind under a parent. Whoever may
// read the parent may read them.
func (o *Operations) Children(ctx context.Context, parent access.Object, kind roles.Kind, page access.Page) ([]access.ObjectProfile, string, error) {
	ties, _, err := o.Relationships.Read(ctx, access.Filter{ResourceType: kind.Type, Relation: kind.Tie}.To(parent))
	if err != nil {
		return nil, "", err
	}
	ties, next, err := access.Cut(ties, page, func(r access.Relationship) string { return r.Resource.ID }, cmp.Compare[string])
	if err != nil {
		return nil, "", err
	}
	ids := make([]string, len(ties))
	for i, tie := range ties {
		ids[i] = tie.Resource.ID
	}
	profiles, err := o.named(ctx, kind.Type, ids)
	return profiles, next, err
}

// named finds what objects are called. One that zed created is called by its id.
func (o *Operations) named(ctx context.Context, objectType string, ids []string) ([]access.ObjectProfile, error) {
	objects := make([]access.Object, len(ids))
	for i, id := range ids {
		objects[i] = access.Object{Type: objectType, ID: id}
	}
	known, err := o.Directory.ObjectsByID(ctx, objects)
	if err != nil {
		return nil, err
	}
	profiles := make([]access.ObjectProfile, len(ids))
	for i, object := range objects {
		profile, ok := known[object]
		if !ok {
			profile = access.ObjectProfile{Object: object, Name: object.ID, TimeZone: o.TimeZone}
		}
		profiles[i] = profile
	}
	return profiles, nil
}
