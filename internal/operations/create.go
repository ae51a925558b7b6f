package operations

import (
	"context"
	"errors"
	"regexp"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// NewObject describes an object to create.
type NewObject struct {
	Parent   access.Object // access.Platform for roots
	Type     string
	ID       *string // chosen by the caller, or nil
	Name     string
	TimeZone string // IANA name, empty for the configured default

	// Customer accounts only.
	CustomerNumber string
	Identifier     string
	Contract       Contract

	ExternalReference string // what the reseller calls a sub-customer (DCX-7)
}

// Contract is what was agreed with a customer account (DCX-2).
type Contract struct {
	Direct        bool
	Reseller      string // id of the customer account that resells to it, or empty
	Colocation    bool
	PartnerStatus bool
}

// numberPattern is what a customer number or identifier may look like.
var numberPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$`)

// Create makes an object under its parent.
// Errors: Invalid (malformed_id, invalid_name, invalid_time_zone,
// invalid_customer_number, invalid_identifier, unknown_reseller), Conflict (taken),
// NotFound (not_found) for the parent.
func (o *Operations) Create(ctx context.Context, by By, n NewObject) (access.ObjectProfile, access.Token, error) {
	profile, err := o.profile(n)
	if err != nil {
		return access.ObjectProfile{}, "", err
	}
	kind, _ := roles.KindOf(n.Type)
	b := birth{profile: profile, parent: n.Parent, on: n.Parent, needs: []string{kind.CreatedBy}, reseller: n.Contract.Reseller}
	if n.Type == access.TypeCustomerAccount {
		b.also = func(w *access.Write) { o.contract(w, profile.Object, n.Contract) }
	}
	return o.establish(ctx, by, b)
}

// birth is what establish makes an object of.
type birth struct {
	profile  access.ObjectProfile
	parent   access.Object         // what the object's tie leads to
	on       access.Object         // where its creator needs to be permitted …
	needs    []string              // … all of this
	also     func(w *access.Write) // what else is so from the beginning, or nil
	reseller string                // id of a customer account that must exist, or empty
}

// establish claims what is unique about an object, and commits its relationships.
// Errors: Conflict (taken), Forbidden, NotFound (not_found), Invalid (unknown_reseller).
func (o *Operations) establish(ctx context.Context, by By, b birth) (access.ObjectProfile, access.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, access.ClaimTime/2)
	defer cancel()
	claim, err := o.Directory.ReserveObject(ctx, b.profile)
	if err != nil {
		return access.ObjectProfile{}, "", err
	}
	w := o.creation(by, b)
	at := access.Token("")
	if err = o.requireRight(ctx, &w, by.Actor, b.on, b.needs...); err == nil {
		at, err = o.write(ctx, w)
	}
	switch {
	case errors.Is(err, access.ErrPreconditionFailed):
		return access.ObjectProfile{}, "", errors.Join(o.whyNotCreated(ctx, by, b), o.Directory.ReleaseObject(ctx, claim))
	case access.IsKind(err, access.Unavailable):
		// It may have been committed all the same: the claim stays, and can be
		// taken over if it was not.
		return access.ObjectProfile{}, "", err
	case err != nil:
		return access.ObjectProfile{}, "", errors.Join(err, o.Directory.ReleaseObject(ctx, claim))
	}
	return b.profile, at, nil
}

func (o *Operations) profile(n NewObject) (access.ObjectProfile, error) {
	p := access.ObjectProfile{Object: access.Object{Type: n.Type}, Name: n.Name, TimeZone: n.TimeZone}
	if n.ID == nil {
		p.ID = o.NewID()
	} else {
		p.ID = *n.ID
	}
	if _, err := access.ParseNewID(p.ID); err != nil {
		return p, err
	}
	if err := checkName("name", p.Name, true); err != nil {
		return p, err
	}
	if p.TimeZone == "" {
		p.TimeZone = o.TimeZone
	}
	if err := access.CheckTimeZone(p.TimeZone); err != nil {
		return p, err
	}
	if n.Type == access.TypeCustomerAccount {
		if _, err := access.ParseObject(n.Type, n.Contract.Reseller); n.Contract.Reseller != "" && err != nil {
			return p, unknownReseller(n.Contract.Reseller)
		}
		if !numberPattern.MatchString(n.CustomerNumber) {
			return p, access.Fail(access.Invalid, "invalid_customer_number", "customer_number must be 1 to 64 letters, digits, '.', '-' or '_'")
		}
		if !numberPattern.MatchString(n.Identifier) {
			return p, access.Fail(access.Invalid, "invalid_identifier", "identifier must be 1 to 64 letters, digits, '.', '-' or '_'")
		}
		if err := checkName("external_reference", n.ExternalReference, false); err != nil {
			return p, err
		}
		p.CustomerNumber, p.Identifier, p.ExternalReference = n.CustomerNumber, n.Identifier, n.ExternalReference
	}
	return p, nil
}

func (o *Operations) creation(by By, b birth) access.Write {
	object := b.profile.Object
	kind, _ := roles.KindOf(object.Type)
	w := access.Write{Cause: by.cause("create")}
	// Relationships left behind under this id, whichever side they have it on,
	// would come back to life with it.
	w.Require(
		access.MustNotMatch(access.On(object, "")),
		access.MustNotMatch(access.Filter{}.To(object)),
	)
	w.Require(exists(b.parent)...)
	w.Touch(access.Relate(object, kind.Tie, b.parent))
	if len(roles.Powers[kind.Type]) > 0 {
		w.Touch(access.Relate(object, "admin_version", o.newVersion()))
	}
	if b.also != nil {
		b.also(&w)
	}
	return w
}

func (o *Operations) contract(w *access.Write, account access.Object, c Contract) {
	for _, flag := range []struct {
		relation string
		set      bool
	}{{"direct_contract", c.Direct}, {"colocation", c.Colocation}, {"partner_status", c.PartnerStatus}} {
		if flag.set {
			w.Touch(flagged(account, flag.relation)...)
		}
	}
	if c.Reseller != "" {
		reseller := access.Object{Type: access.TypeCustomerAccount, ID: c.Reseller}
		w.Require(exists(reseller)...)
		w.Touch(access.Relate(account, "reseller", reseller))
	}
}

// flagged are the relationships that set a flag, for people and machines alike.
func flagged(object access.Object, flag string) []access.Relationship {
	return []access.Relationship{
		access.Relate(object, flag, access.Object{Type: access.TypeUser, ID: "*"}),
		access.Relate(object, flag, access.Object{Type: access.TypeAPIKey, ID: "*"}),
	}
}

func (o *Operations) newVersion() access.Object {
	return access.Object{Type: access.TypeVersion, ID: o.NewID()}
}

func unknownReseller(id string) error {
	return access.Fail(access.Invalid, "unknown_reseller", "there is no customer account %q", access.Clip(id))
}

// whyNotCreated finds the precondition that failed.
func (o *Operations) whyNotCreated(ctx context.Context, by By, b birth) error {
	if err := o.missing(ctx, b.parent); err != nil {
		return err
	}
	if err := o.requireRight(ctx, &access.Write{}, by.Actor, b.on, b.needs...); err != nil {
		return err
	}
	if b.reseller != "" {
		err := o.missing(ctx, access.Object{Type: access.TypeCustomerAccount, ID: b.reseller})
		if access.IsKind(err, access.NotFound) {
			return unknownReseller(b.reseller)
		}
		if err != nil {
			return err
		}
	}
	return access.Fail(access.Conflict, "taken", "the id %q is taken", b.profile.ID)
}
