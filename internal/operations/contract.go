package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// CustomerType is what a customer account is to whoever sells to it.
type CustomerType string

// The customer types.
const (
	DirectCustomer  CustomerType = "direct"       // a contract of its own, and no reseller
	PureSubCustomer CustomerType = "pure_sub"     // a reseller, and no contract of its own
	SubCustomer     CustomerType = "non_pure_sub" // both
	NoCustomer      CustomerType = "none"         // neither
)

// Type follows from the facts and is stored nowhere (DCX-2).
func (c Contract) Type() CustomerType {
	switch {
	case c.Direct && c.Reseller == "":
		return DirectCustomer
	case c.Direct:
		return SubCustomer
	case c.Reseller != "":
		return PureSubCustomer
	}
	return NoCustomer
}

// flags are the relations that say what a contract says.
func (c Contract) flags() map[string]bool {
	return map[string]bool{"direct_contract": c.Direct, "colocation": c.Colocation, "partner_status": c.PartnerStatus}
}

// contractFlags are those relations in the order in which they are written.
var contractFlags = []string{"direct_contract", "colocation", "partner_status"}

// maxResellers bounds how many accounts resell to each other in a row.
const maxResellers = 50

// ReadContract returns what was agreed with a customer account.
func (o *Operations) ReadContract(ctx context.Context, account access.Object) (Contract, error) {
	found, _, err := o.Relationships.Read(ctx, contractFilters(account)...)
	return contractIn(account, found), err
}

// ConfigureContract replaces what was agreed with a customer account, in one write.
// Errors: Invalid (unknown_reseller, reseller_cycle), NotFound (not_found).
func (o *Operations) ConfigureContract(ctx context.Context, by By, account access.Object, c Contract) (access.Token, error) {
	if _, err := access.ParseObject(account.Type, c.Reseller); c.Reseller != "" && err != nil {
		return "", unknownReseller(c.Reseller)
	}
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("configure_contract")}
		if err := o.requireRight(ctx, &w, by.Actor, account, "configure_contract"); err != nil {
			return w, "", err
		}
		if err := o.missing(ctx, account); err != nil {
			return w, "", err
		}
		found, at, err := o.Relationships.Read(ctx, contractFilters(account)...)
		if err != nil {
			return w, "", err
		}
		for _, flag := range contractFlags {
			setFlag(&w, account, flag, c.flags()[flag], found)
			w.Settle(flagged(account, flag)...)
		}
		if err := o.setReseller(ctx, &w, account, c.Reseller, found); err != nil {
			return w, "", err
		}
		w.Require(exists(account)...)
		return w, at, nil
	})
}

// setReseller plans for an account to be resold to by another, or by none.
func (o *Operations) setReseller(ctx context.Context, w *access.Write, account access.Object, reseller string, found []access.Relationship) error {
	wanted := access.Relate(account, "reseller", access.Object{Type: account.Type, ID: reseller})
	before := slices.DeleteFunc(slices.Clone(found), func(r access.Relationship) bool { return r.Relation != "reseller" })
	if slices.Contains(before, wanted) {
		w.Require(access.MustMatch(access.Exactly(wanted)))
		before = slices.DeleteFunc(before, func(r access.Relationship) bool { return r == wanted })
	} else if reseller != "" {
		if err := o.requireNoCycle(ctx, w, account, wanted.Subject.Object); err != nil {
			return err
		}
		w.Touch(wanted)
	}
	for _, r := range before {
		w.Replace(r)
	}
	if len(before) == 0 && !slices.Contains(found, wanted) {
		w.Require(access.MustNotMatch(access.On(account, "reseller")))
	}
	return nil
}

// requireNoCycle climbs from a reseller to the last, and makes the write depend on
// the way it came: of two writes that would close a circle together, one fails.
func (o *Operations) requireNoCycle(ctx context.Context, w *access.Write, account, reseller access.Object) error {
	if err := o.missing(ctx, reseller); access.IsKind(err, access.NotFound) {
		return unknownReseller(reseller.ID)
	} else if err != nil {
		return err
	}
	w.Require(exists(reseller)...)
	for range maxResellers {
		if reseller == account {
			return access.Fail(access.Invalid, "reseller_cycle", "%s would resell to itself, directly or through others", account)
		}
		above, _, err := o.Relationships.Read(ctx, access.On(reseller, "reseller"))
		if err != nil {
			return err
		}
		if len(above) == 0 {
			w.Require(access.MustNotMatch(access.On(reseller, "reseller")))
			return nil
		}
		w.Require(access.MustMatch(access.Exactly(above[0])))
		reseller = above[0].Subject.Object
	}
	return access.Fail(access.Invalid, "reseller_cycle", "at most %d accounts resell to each other in a row", maxResellers)
}

func contractFilters(account access.Object) []access.Filter {
	filters := []access.Filter{access.On(account, "reseller")}
	for _, flag := range contractFlags {
		filters = append(filters, access.On(account, flag))
	}
	return filters
}

func contractIn(account access.Object, found []access.Relationship) Contract {
	c := Contract{
		Direct: isFlagged(account, "direct_contract", found), Colocation: isFlagged(account, "colocation", found),
		PartnerStatus: isFlagged(account, "partner_status", found),
	}
	for _, r := range found {
		if r.Relation == "reseller" {
			c.Reseller = r.Subject.ID
		}
	}
	return c
}
