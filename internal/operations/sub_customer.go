package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// AddSubCustomer makes a customer account to which another resells: a pure
// sub-customer, with a first portal admin if one is named, all in one write (DCX-7).
// Errors: those of Create, and Invalid (invalid_email, invalid_name) for the admin.
func (o *Operations) AddSubCustomer(ctx context.Context, by By, reseller access.Object, n NewObject, first *Newcomer) (access.ObjectProfile, access.Person, access.Token, error) {
	n.Type, n.Parent, n.Contract = access.TypeCustomerAccount, access.Platform, Contract{Reseller: reseller.ID}
	profile, err := o.profile(n)
	if err != nil {
		return access.ObjectProfile{}, access.Person{}, "", err
	}
	// Nobody else learns of a person by being refused.
	if err := o.requireRight(ctx, &access.Write{}, by.Actor, reseller, "add_sub_customer"); err != nil {
		return access.ObjectProfile{}, access.Person{}, "", err
	}
	var admin access.Person
	if first != nil {
		if admin, err = o.newcomer(ctx, *first, false); err != nil {
			return access.ObjectProfile{}, access.Person{}, "", err
		}
	}
	profile, at, err := o.establish(ctx, by, birth{
		profile: profile, parent: access.Platform, on: reseller, needs: []string{"add_sub_customer"}, reseller: reseller.ID,
		also: func(w *access.Write) {
			o.contract(w, profile.Object, n.Contract)
			if first != nil {
				w.Touch(access.Relate(profile.Object, "portal_admin", access.User(admin.ID)))
			}
		},
	})
	return profile, admin, at, err
}

// SubCustomers returns a page of the accounts to which an account resells, as far
// as the viewer may read them.
func (o *Operations) SubCustomers(ctx context.Context, viewer, reseller access.Object, page access.Page) ([]access.ObjectProfile, string, error) {
	found, next, err := o.Children(ctx, reseller, roles.Kind{Type: access.TypeCustomerAccount, Tie: "reseller"}, page)
	if err == nil {
		found, err = o.visible(ctx, viewer, found)
	}
	return found, next, err
}

// visible keeps the objects that the viewer may read. A page of them may be
// shorter than was asked for.
func (o *Operations) visible(ctx context.Context, viewer access.Object, found []access.ObjectProfile) ([]access.ObjectProfile, error) {
	var seen []access.ObjectProfile
	for _, p := range found {
		decision, err := o.Checks.Check(ctx, access.Check{Resource: p.Object, Permission: "read", Subject: access.Subject{Object: viewer}})
		if err != nil {
			return nil, err
		}
		if decision.Allowed {
			seen = append(seen, p)
		}
	}
	return seen, nil
}
