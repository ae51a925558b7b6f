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
// another (NEZ-3, NEZ-4, NEZ-5): until the end of the last day, if one is named, or
// for good. It never lowers what they have. Whether the person is unknown, has no
// login or does not belong to that instance, the caller hears the same.
// Errors: Invalid (invalid_level, nothing_shared, past_date, invalid_email,
// malformed_reference, not_shareable), Conflict (would_shorten), NotFound (not_found).
func (o *Operations) Share(ctx context.Context, by By, instance access.Object, address, guestInstance string, s roles.Share, last *access.Day) (Added, error) {
	wanted, err := roles.Shared(s)
	if err != nil {
		return Added{}, err
	}
	endsAt, err := o.endOf(ctx, instance, last, wanted...)
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
		p, err := grant{
			object: instance, site: instance, person: access.User(person.ID), roles: wanted, endsAt: endsAt, known: known,
		}.plan(ctx, o, &w)
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

// Shares lists with whom an instance's cockpit is shared, by e-mail, also while
// shares are suspended (NEZ-6). Errors: Invalid (malformed_cursor).
func (o *Operations) Shares(ctx context.Context, instance access.Object, page access.Page) ([]Member, string, error) {
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
	var found []Member
	for id, relations := range held {
		with := Member{Person: people[id], Roles: rolesOf(inOrder(instance.Type, relations))}
		with.Person.ID = id
		found = append(found, with)
	}
	return access.Cut(found, page, func(s Member) string { return string(s.Person.Email) + "\x00" + s.Person.ID }, cmp.Compare[string])
}

// ChangeShare sets exactly what a person shares, until the end of the last day if
// one is named; without, an area that is shared already keeps its end. Raising it,
// as a later end does too, takes the right to share, and that they can still be
// shared with; lowering it only the right to manage shares, also while the feature is
// off (NEZ-6).
// Errors: Invalid (invalid_level, nothing_shared, past_date, not_shareable), NotFound
// (not_shared).
func (o *Operations) ChangeShare(ctx context.Context, by By, instance, person access.Object, s roles.Share, last *access.Day) (Member, access.Token, error) {
	wanted, err := roles.Shared(s)
	if err != nil {
		return Member{}, "", err
	}
	endsAt, err := o.endOf(ctx, instance, last, wanted...)
	if err != nil {
		return Member{}, "", err
	}
	var after []access.Relationship
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("change_share")}
		if err := o.requireRight(ctx, &w, by.Actor, instance, "manage_shares"); err != nil {
			return w, "", err
		}
		found, held, at, err := o.sharesOf(ctx, instance, person)
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
		after = nil
		raises, depends := false, false
		for _, area := range roles.Areas {
			before := held[inArea(area, rolesIn(instance.Type, held)).Relation]
			var now access.Relationship
			if role := inArea(area, wanted); role.ID != "" {
				now = role.For(instance, person)
				if now.EndsAt = endsAt; last == nil {
					now.EndsAt = before.EndsAt
				}
				after = append(after, now)
			}
			if exchange(&w, before, now) {
				raises = raises || higher(now, before)
				depends = depends || before.Relation != "" && now.Relation != ""
			}
		}
		if depends {
			o.swapVersion(&w, instance, found)
		}
		if raises {
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
		return Member{}, "", err
	}
	people, err := o.Directory.PeopleByID(ctx, []string{person.ID})
	if err != nil {
		return Member{}, "", err
	}
	changed := Member{Person: people[person.ID], Roles: rolesOf(after)}
	changed.Person.ID = person.ID
	return changed, at, nil
}

// exchange plans what is shared of one area in place of what was, either of which
// may be nothing, and reports whether that is a change.
func exchange(w *access.Write, before, now access.Relationship) bool {
	if before.Relation != "" {
		w.Require(access.MustMatch(access.Exactly(before)))
	}
	if before.Relation == now.Relation && before.EndsAt.Equal(now.EndsAt) {
		return false
	}
	if before.Relation != "" && before.Relation != now.Relation {
		w.Delete(before)
	}
	if now.Relation != "" {
		w.Touch(now)
	}
	return true
}

// higher reports whether one share reaches further than another, or longer.
func higher(now, before access.Relationship) bool {
	to, given := roleOf(now)
	from, _ := roleOf(before)
	return given && (to.Rank > from.Rank || !noSooner(before.EndsAt, now.EndsAt))
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
		_, held, at, err := o.sharesOf(ctx, instance, person)
		for _, role := range roles.On(instance.Type) {
			w.Settle(role.For(instance, person))
		}
		for _, role := range rolesIn(instance.Type, held) {
			w.Replace(held[role.Relation])
		}
		return w, at, err
	})
}

// sharesOf reads, by relation, what is shared with a person, beside the version of
// the instance.
func (o *Operations) sharesOf(ctx context.Context, instance, person access.Object) (found []access.Relationship, held map[string]access.Relationship, at access.Token, err error) {
	filters := []access.Filter{access.On(instance, "admin_version")}
	for _, role := range roles.On(access.TypeInstance) {
		if role.Way == roles.Sharing {
			filters = append(filters, access.Exactly(role.For(instance, person)))
		}
	}
	found, at, err = o.Relationships.Read(ctx, filters...)
	held = map[string]access.Relationship{}
	for _, r := range found {
		if _, ok := roleOf(r); ok {
			held[r.Relation] = r
		}
	}
	return found, held, at, err
}
