package operations

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Share gives a single person of an allowed instance a part in the cockpit of
// another (NEZ-3, NEZ-4, NEZ-5). It never lowers what they have. Whether the person
// is unknown, has no login or does not belong to that instance, the caller hears the
// same.
// Errors: Invalid (invalid_level, nothing_shared, invalid_email, malformed_reference,
// not_shareable), Conflict (would_shorten), NotFound (not_found).
func (o *Operations) Share(ctx context.Context, by By, instance access.Object, address, guestInstance string, s roles.Share) (Added, error) {
	wanted, err := roles.Shared(s)
	if err != nil {
		return Added{}, err
	}
	home, err := access.ParseObject(access.TypeInstance, guestInstance)
	if err != nil {
		return Added{}, err
	}
	parsed, err := email.Parse(address)
	if err != nil {
		return Added{}, access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
	}
	person, err := o.Directory.PersonByEmail(ctx, parsed)
	if err != nil && !access.IsKind(err, access.NotFound) {
		return Added{}, err
	}
	added := Added{Person: person}
	added.WrittenAt, err = o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("share")}
		if err := o.requireRight(ctx, &w, by.Actor, instance, "grant_share"); err != nil {
			return w, "", err
		}
		if !person.HasLogin {
			return w, "", notShareable()
		}
		if err := o.requireGuest(ctx, &w, instance, home, access.User(person.ID)); err != nil {
			return w, "", err
		}
		known, err := o.knownTo(ctx, by.Actor, instance, access.User(person.ID))
		if err != nil {
			return w, "", err
		}
		p, err := grant{object: instance, site: instance, person: access.User(person.ID), roles: wanted, known: known}.plan(ctx, o, &w)
		added.learn(p)
		return w, p.at, err
	})
	if err != nil {
		return Added{}, err
	}
	return added, nil
}

// requireGuest makes the write depend on a person belonging to an instance that
// is on the allow-list of another. Errors: Invalid (not_shareable).
func (o *Operations) requireGuest(ctx context.Context, w *access.Write, instance, home, person access.Object) error {
	tie := access.Exactly(allowed(instance, home.ID))
	listed, _, err := o.Relationships.Read(ctx, tie)
	if err != nil {
		return err
	}
	belongs, grounds, err := o.Relationships.Grounds(ctx, access.Check{
		Resource: home, Permission: "affiliated", Subject: access.Subject{Object: person},
	})
	if err != nil {
		return err
	}
	if len(listed) == 0 || !belongs {
		return notShareable()
	}
	w.Require(access.MustMatch(tie))
	w.Require(grounds...)
	return nil
}

func notShareable() error {
	return access.Fail(access.Invalid, "not_shareable", "the cockpit can be shared only with people who have a login and belong to an instance on the allow-list")
}

// SharedWith is a person with whom an instance's cockpit is shared.
type SharedWith struct {
	Person access.Person
	Share  roles.Share
}

// Shares lists with whom an instance's cockpit is shared, by e-mail, also while
// shares are suspended (NEZ-6). Errors: Invalid (malformed_cursor).
func (o *Operations) Shares(ctx context.Context, instance access.Object, page access.Page) ([]SharedWith, string, error) {
	var filters []access.Filter
	for _, role := range roles.On(access.TypeInstance) {
		if role.Way == roles.Sharing {
			filters = append(filters, access.On(instance, role.Relation).ToType(access.TypeUser))
		}
	}
	relationships, _, err := o.Relationships.Read(ctx, filters...)
	if err != nil {
		return nil, "", err
	}
	held := bySubject(relationships)
	people, err := o.Directory.PeopleByID(ctx, slices.Collect(maps.Keys(held)))
	if err != nil {
		return nil, "", err
	}
	var found []SharedWith
	for id, relations := range held {
		with := SharedWith{Person: people[id], Share: roles.ShareOf(rolesIn(instance.Type, relations))}
		with.Person.ID = id
		found = append(found, with)
	}
	return access.Cut(found, page, func(s SharedWith) string { return string(s.Person.Email) + "\x00" + s.Person.ID }, cmp.Compare[string])
}

// ChangeShare sets exactly what a person shares. Raising it takes the right to
// share, and that they can still be shared with; lowering it only the right to
// manage shares, also while the feature is off (NEZ-6). A share that ends keeps its
// end.
// Errors: Invalid (invalid_level, nothing_shared, not_shareable), NotFound (not_shared).
func (o *Operations) ChangeShare(ctx context.Context, by By, instance, person access.Object, s roles.Share) (SharedWith, access.Token, error) {
	wanted, err := roles.Shared(s)
	if err != nil {
		return SharedWith{}, "", err
	}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("change_share")}
		if err := o.requireRight(ctx, &w, by.Actor, instance, "manage_shares"); err != nil {
			return w, "", err
		}
		held, at, err := o.sharesOf(ctx, instance, person)
		if err != nil {
			return w, "", err
		}
		if len(held) == 0 {
			return w, "", access.Fail(access.NotFound, "not_shared", "nothing is shared with this person; share it first")
		}
		for _, role := range roles.On(access.TypeInstance) {
			if _, holds := held[role.Relation]; !holds && role.Way == roles.Sharing {
				w.Require(access.MustNotMatch(access.Exactly(role.For(instance, person))))
			}
		}
		w.Settle(wanted[0].For(instance, person))
		raised := false
		for _, area := range roles.Areas {
			raised = exchange(&w, instance, person, inArea(area, wanted), inArea(area, rolesIn(instance.Type, held)), held) || raised
		}
		if raised {
			if err := o.requireRight(ctx, &w, by.Actor, instance, "grant_share"); err != nil {
				return w, "", err
			}
			guest, grounds, err := o.Relationships.Grounds(ctx, access.Check{
				Resource: instance, Permission: "guest", Subject: access.Subject{Object: person},
			})
			if err != nil {
				return w, "", err
			}
			if !guest {
				return w, "", notShareable()
			}
			w.Require(grounds...)
		}
		return w, at, nil
	})
	if err != nil {
		return SharedWith{}, "", err
	}
	people, err := o.Directory.PeopleByID(ctx, []string{person.ID})
	if err != nil {
		return SharedWith{}, "", err
	}
	found := SharedWith{Person: people[person.ID], Share: roles.ShareOf(wanted)}
	found.Person.ID = person.ID
	return found, at, nil
}

// exchange plans one role of an area for another, either of which may be none,
// and reports whether that raises what the person has.
func exchange(w *access.Write, instance, person access.Object, wanted, current roles.Role, held map[string]access.Relationship) (raised bool) {
	if wanted.ID == current.ID {
		if wanted.ID != "" {
			w.Require(access.MustMatch(access.Exactly(held[current.Relation])))
		}
		return false
	}
	var end access.Relationship
	if current.ID != "" {
		end = held[current.Relation]
		w.Replace(end)
	}
	if wanted.ID != "" {
		r := wanted.For(instance, person)
		r.EndsAt = end.EndsAt
		w.Touch(r)
	}
	return wanted.Rank > current.Rank
}

// inArea is the role of an area among some, or none.
func inArea(area string, some []roles.Role) roles.Role {
	if i := slices.IndexFunc(some, func(r roles.Role) bool { return r.Way == roles.Sharing && r.Rivalry == area }); i >= 0 {
		return some[i]
	}
	return roles.Role{}
}

// Unshare takes all that is shared with a person. That nothing was is no error.
func (o *Operations) Unshare(ctx context.Context, by By, instance, person access.Object) (access.Token, error) {
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("unshare")}
		if err := o.requireRight(ctx, &w, by.Actor, instance, "manage_shares"); err != nil {
			return w, "", err
		}
		held, at, err := o.sharesOf(ctx, instance, person)
		for _, role := range roles.On(instance.Type) {
			w.Settle(role.For(instance, person))
		}
		for _, role := range rolesIn(instance.Type, held) {
			w.Replace(held[role.Relation])
		}
		return w, at, err
	})
}

// sharesOf reads, by relation, what is shared with a person.
func (o *Operations) sharesOf(ctx context.Context, instance, person access.Object) (map[string]access.Relationship, access.Token, error) {
	var filters []access.Filter
	for _, role := range roles.On(access.TypeInstance) {
		if role.Way == roles.Sharing {
			filters = append(filters, access.Exactly(role.For(instance, person)))
		}
	}
	found, at, err := o.Relationships.Read(ctx, filters...)
	held := map[string]access.Relationship{}
	for _, r := range found {
		held[r.Relation] = r
	}
	return held, at, err
}
