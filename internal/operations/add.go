package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Newcomer is a person as an admin types them in.
type Newcomer struct {
	Email      string
	GivenName  string
	FamilyName string
}

// Added says what adding a person came to.
type Added struct {
	Person    access.Person
	Outcome   Outcome
	Roles     []roles.Role // all they hold on the object now
	WrittenAt access.Token
}

// Add gives a person roles on an object, without asking them. Whoever the
// directory does not know becomes a contact, who gains access on first login.
// Errors: Invalid (invalid_email, invalid_name, unknown_role, role_required,
// exclusive_roles), Conflict (would_shorten, removed_from_site), NotFound (not_found).
func (o *Operations) Add(ctx context.Context, by By, object access.Object, n Newcomer, roleIDs []string) (Added, error) {
	wanted, err := roles.Members(object.Type, roleIDs)
	if err != nil {
		return Added{}, err
	}
	site, err := o.site(ctx, object)
	if err != nil {
		return Added{}, err
	}
	person, err := o.newcomer(ctx, n)
	if err != nil {
		return Added{}, err
	}
	added := Added{Person: person}
	added.WrittenAt, err = o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("add")}
		if err := o.requireRightToAdd(ctx, &w, by.Actor, object, wanted); err != nil {
			return w, "", err
		}
		known, err := o.knownTo(ctx, by.Actor, site, access.User(person.ID))
		if err != nil {
			return w, "", err
		}
		g := grant{object: object, site: site, person: access.User(person.ID), roles: wanted, known: known}
		var at access.Token
		added.Outcome, added.Roles, at, err = g.plan(ctx, o.Relationships, &w)
		return w, at, err
	})
	if err != nil {
		return Added{}, err
	}
	return added, nil
}

// newcomer finds or makes the person. An orphaned profile does no harm.
func (o *Operations) newcomer(ctx context.Context, n Newcomer) (access.Person, error) {
	address, err := email.Parse(n.Email)
	if err != nil {
		return access.Person{}, access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
	}
	if err := checkName("given_name", n.GivenName, false); err != nil {
		return access.Person{}, err
	}
	if err := checkName("family_name", n.FamilyName, false); err != nil {
		return access.Person{}, err
	}
	return o.Directory.EnsurePerson(ctx, address, n.GivenName, n.FamilyName)
}
