package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// SignIn finds or makes the person of a login, and makes an operator of whom the
// configuration, or the dev issuer, names one.
// Errors: Forbidden (email_unverified), Conflict (taken).
func (o *Operations) SignIn(ctx context.Context, l access.Login) (access.Person, error) {
	l.GivenName, l.FamilyName = properName(l.GivenName), properName(l.FamilyName)
	person, err := o.Directory.SignIn(ctx, l)
	if err != nil {
		return access.Person{}, err
	}
	if l.Operator || l.EmailVerified && slices.Contains(o.Operators, l.Email) {
		err = o.appoint(ctx, access.User(person.ID))
	}
	return person, err
}

// properName is a name as an issuer has it, or none if nobody could have it here: at
// many issuers people write what they like.
func properName(name string) string {
	if checkName("name", name, false) != nil {
		return ""
	}
	return name
}

func (o *Operations) appoint(ctx context.Context, person access.Object) error {
	role, err := roles.Find(access.TypePlatform, "operator")
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: By{Actor: access.System}.cause("appoint_operator")}
		wanted := role.For(access.Platform, person)
		held, at, err := o.Relationships.Read(ctx, access.Exactly(wanted))
		if err == nil && len(held) == 0 {
			w.Touch(wanted)
		}
		return w, at, err
	})
	return err
}

// KeepOperators brings operators in step with the configuration: whoever it no
// longer names is one no more, and whoever it names and has signed in before is.
func (o *Operations) KeepOperators(ctx context.Context) error {
	operators, _, err := o.Relationships.Read(ctx, access.On(access.Platform, "operator"))
	if err != nil {
		return err
	}
	ids := make([]string, len(operators))
	for i, r := range operators {
		ids[i] = r.Subject.ID
	}
	people, err := o.Directory.PeopleByID(ctx, ids)
	if err != nil {
		return err
	}
	w := access.Write{Cause: By{Actor: access.System}.cause("dismiss_operator")}
	for _, r := range operators {
		if !slices.Contains(o.Operators, people[r.Subject.ID].Email) {
			w.Delete(r)
		}
	}
	if len(w.Updates) > 0 {
		if _, err := o.write(ctx, w); err != nil {
			return err
		}
	}
	for _, address := range o.Operators {
		if err := o.appointKnown(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

func (o *Operations) appointKnown(ctx context.Context, address email.Address) error {
	person, err := o.Directory.PersonByEmail(ctx, address)
	if access.IsKind(err, access.NotFound) || err == nil && !person.HasLogin {
		return nil // takes effect at their first login
	}
	if err != nil {
		return err
	}
	return o.appoint(ctx, access.User(person.ID))
}
