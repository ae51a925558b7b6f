package operations

import (
	"context"
	"slices"

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
	Roles     []HeldRole // all they hold on the object now
	WrittenAt access.Token

	given, covered []access.Relationship
}

// Add gives a person roles on an object, without asking them: until the end of the
// last day, if one is named, or for good. Whoever the directory does not know
// becomes a contact, who gains access on first login.
// Errors: Invalid (invalid_email, invalid_name, unknown_role, role_required,
// exclusive_roles, role_does_not_end, past_date), Conflict (would_shorten,
// cleanup_under_way), NotFound (not_found).
func (o *Operations) Add(ctx context.Context, by By, object access.Object, n Newcomer, roleIDs []string, last *access.Day) (Added, error) {
	wanted, err := roles.Members(object.Type, roleIDs)
	if err != nil {
		return Added{}, err
	}
	endsAt, err := o.endOf(ctx, object, last, wanted...)
	if err != nil {
		return Added{}, err
	}
	site, err := o.site(ctx, object)
	if err != nil {
		return Added{}, err
	}
	kind, _ := roles.KindOf(object.Type)
	if MayAppointFirst(object, wanted) { // which nobody has looked at yet who may appoint one, if there is none
		if err := o.requireRightToAdd(ctx, &access.Write{}, by.Actor, object, wanted); err != nil {
			return Added{}, err
		}
	}
	person, err := o.newcomer(ctx, n, kind.InFull)
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
		p, err := grant{
			object: object, site: site, person: access.User(person.ID), roles: wanted, endsAt: endsAt, known: known,
		}.plan(ctx, o, &w)
		added.learn(p)
		return w, p.at, err
	})
	if err != nil {
		return Added{}, err
	}
	o.tidy(ctx, by, &added)
	return added, nil
}

// learn takes in what the grant came to.
func (a *Added) learn(p planned) {
	a.Outcome, a.Roles, a.given, a.covered = p.outcome, rolesOf(p.held), p.held, p.covered
}

// tidy deletes the covered roles that did not fit into the write that gave the
// roles which cover them, for as long as those are there. A failure or a crash
// leaves some: they give nothing more.
func (o *Operations) tidy(ctx context.Context, by By, a *Added) {
	for some := range slices.Chunk(a.covered, most) {
		w := access.Write{Cause: by.cause("upgrade")}
		w.Delete(some...)
		for _, r := range a.given {
			w.Require(access.MustMatch(access.Exactly(r)))
		}
		at, err := o.write(ctx, w)
		if err != nil {
			return
		}
		a.WrittenAt = at
	}
}

// newcomer finds or makes the person. In full, both names are given, of people who
// are known too: an answer that depended on it would tell. An orphaned profile does
// no harm.
func (o *Operations) newcomer(ctx context.Context, n Newcomer, inFull bool) (access.Person, error) {
	address, err := email.Parse(n.Email)
	if err != nil {
		return access.Person{}, access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
	}
	if err := checkName("given_name", n.GivenName, inFull); err != nil {
		return access.Person{}, err
	}
	if err := checkName("family_name", n.FamilyName, inFull); err != nil {
		return access.Person{}, err
	}
	return o.Directory.EnsurePerson(ctx, address, n.GivenName, n.FamilyName)
}
