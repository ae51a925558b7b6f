package operations

import (
	"cmp"
	"context"
	"strings"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Cockpit is one that a person may open.
type Cockpit struct {
	Profile access.ObjectProfile // of a customer account or an instance
	Shared  bool                 // by an instance to which the person does not belong
}

// Cockpits returns a page of the cockpits that a person may open, by name: those of
// customer accounts (NINE-1), and of instances, their own and shared (NEZ-8).
// Errors: Invalid (malformed_cursor).
func (o *Operations) Cockpits(ctx context.Context, person access.Object, page access.Page) ([]Cockpit, string, error) {
	accounts, err := o.allWhere(ctx, access.TypeCustomerAccount, "access_cockpit", person)
	if err != nil {
		return nil, "", err
	}
	instances, err := o.allWhere(ctx, access.TypeInstance, "open_cockpit", person)
	if err != nil {
		return nil, "", err
	}
	own, err := o.allWhere(ctx, access.TypeInstance, "affiliated", person)
	if err != nil {
		return nil, "", err
	}
	belongs := map[string]bool{}
	for _, p := range own {
		belongs[p.ID] = true
	}
	var found []Cockpit
	for _, p := range accounts {
		found = append(found, Cockpit{Profile: p})
	}
	for _, p := range instances {
		found = append(found, Cockpit{Profile: p, Shared: !belongs[p.ID]})
	}
	return access.Cut(found, page, func(c Cockpit) string {
		return strings.ToLower(c.Profile.Name) + "\x00" + c.Profile.String()
	}, cmp.Compare[string])
}

// allWhere finds every object of a type on which a person has a permission.
func (o *Operations) allWhere(ctx context.Context, objectType, permission string, person access.Object) ([]access.ObjectProfile, error) {
	var ids []string
	page := access.Page{Limit: 1000}
	for {
		found, err := o.Lookups.LookupResources(ctx, objectType, permission, access.Subject{Object: person}, page)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found.IDs...)
		if page.Cursor = found.Next; page.Cursor == "" {
			return o.named(ctx, objectType, ids)
		}
	}
}
