package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Changed is the outcome of a change of roles that was one.
const Changed Outcome = "changed"

// ChangeRoles makes exactly these the roles a member has on an object, also where
// that lowers access, in one write that depends on every role it replaces. A role
// that stays keeps its end, unless a last day is named for all.
// Errors: Invalid (unknown_role, role_required, exclusive_roles, role_does_not_end,
// past_date), NotFound (not_found) where the person has no role, Conflict
// (self_removal, last_admin).
func (o *Operations) ChangeRoles(ctx context.Context, by By, object, person access.Object, roleIDs []string, last *access.Day) (Added, error) {
	if len(roleIDs) == 0 {
		return Added{}, access.Fail(access.Invalid, "role_required", "name at least one role, or remove the member")
	}
	wanted, err := roles.Members(object.Type, roleIDs)
	if err != nil {
		return Added{}, err
	}
	endsAt, err := o.endOf(ctx, object, last, wanted...)
	if err != nil {
		return Added{}, err
	}
	changed := Added{}
	changed.WrittenAt, err = o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("change_roles")}
		found, held, at, err := o.member(ctx, object, person)
		if err != nil {
			return w, "", err
		}
		after := map[string]access.Relationship{}
		for _, role := range wanted {
			r := role.For(object, person)
			r.EndsAt = endsAt
			if current, ok := held[role.Relation]; ok && last == nil {
				r = current
			}
			after[role.Relation] = r
		}
		changed.Outcome, changed.Roles = Unchanged, rolesOf(inOrder(object.Type, after))
		for _, role := range roles.On(object.Type) {
			if role.Way != roles.Membership {
				continue
			}
			if err := o.change(ctx, &w, by, role, held, after); err != nil {
				return w, "", err
			}
			w.Settle(role.For(object, person))
		}
		if len(w.Updates) == 0 {
			return w, at, nil
		}
		changed.Outcome = Changed
		w.Require(exists(object)...)
		o.swapVersion(&w, object, found)
		return w, at, o.guard(&w, object, found)
	})
	if err != nil {
		return Added{}, err
	}
	people, err := o.Directory.PeopleByID(ctx, []string{person.ID})
	changed.Person = people[person.ID]
	changed.Person.ID = person.ID
	return changed, err
}

// change plans what becomes of one role.
func (o *Operations) change(ctx context.Context, w *access.Write, by By, role roles.Role, held, after map[string]access.Relationship) error {
	before, had := held[role.Relation]
	now, has := after[role.Relation]
	switch {
	case !had && !has, had && has && before.EndsAt.Equal(now.EndsAt):
		return nil
	case !has:
		if role.NotOwn && by.Actor == before.Subject.Object {
			return selfRemoval(role)
		}
		w.Replace(before)
		return o.requireRight(ctx, w, by.Actor, before.Resource, role.TakenBy)
	case had:
		if role.NotOwn && by.Actor == before.Subject.Object {
			return selfRemoval(role)
		}
		w.Require(access.MustMatch(access.Exactly(before)))
		w.Touch(now)
		return o.requireRight(ctx, w, by.Actor, now.Resource, slices.Compact([]string{role.TakenBy, role.GivenBy})...)
	default:
		w.Require(access.MustNotMatch(access.Exactly(now)))
		for _, rival := range roles.On(role.Object) {
			if _, had := held[rival.Relation]; role.Rivals(rival) && !had {
				// Somebody else may give it meanwhile.
				w.Require(access.MustNotMatch(access.Exactly(rival.For(now.Resource, now.Subject.Object))))
			}
		}
		w.Touch(now)
		if site, err := o.site(ctx, now.Resource); err != nil {
			return err
		} else if site.Type == access.TypePartner {
			w.Require(access.MustNotMatch(access.On(site, "removed").To(now.Subject.Object)))
		}
		return o.requireRight(ctx, w, by.Actor, now.Resource, role.GivenBy)
	}
}

// member reads what a member has on an object, by relation, beside what the guard
// must see.
// Errors: NotFound (not_found).
func (o *Operations) member(ctx context.Context, object, person access.Object) (found []access.Relationship, held map[string]access.Relationship, at access.Token, err error) {
	found, at, err = o.Relationships.Read(ctx, append(guardFilters(object), access.On(object, "").To(person))...)
	if err != nil {
		return nil, nil, "", err
	}
	held = map[string]access.Relationship{}
	for _, r := range found {
		if role, ok := roleOf(r); ok && r.Subject.Object == person && role.Way == roles.Membership {
			held[r.Relation] = r
		}
	}
	if len(held) == 0 {
		return nil, nil, "", access.Fail(access.NotFound, "not_found", "this person has no role on %s", object)
	}
	return found, held, at, nil
}
