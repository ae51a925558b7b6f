package operations

import (
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// guardFilters say what guard and swapVersion must see, read at the same moment
// as whatever else the write is planned on.
func guardFilters(object access.Object) []access.Filter {
	if kind, _ := roles.KindOf(object.Type); kind.Tie == "" {
		return nil
	}
	filters := []access.Filter{access.On(object, "admin_version")}
	for _, power := range roles.Powers[object.Type] {
		for _, relation := range power {
			filters = append(filters, access.On(object, relation))
		}
	}
	if object.Type == access.TypePartner {
		filters = append(filters, access.On(object, "removed"))
	}
	return filters
}

// guard keeps an object that has an admin from losing the last one whose power is
// whole and permanent. A write that could reduce admins swaps admin_version, so
// of two at once only one commits and the other sees what it left. Naming another
// admin in a precondition would not do: their role may be ending too. It is named all
// the same, because whoever deletes their own profile swaps no version.
// Errors: Conflict (last_admin).
func (o *Operations) guard(w *access.Write, object access.Object, found []access.Relationship) error {
	after := apply(w.Updates, found)
	reduces := false
	for _, power := range roles.Powers[object.Type] {
		if !slices.ContainsFunc(found, func(r access.Relationship) bool {
			return r.Resource == object && slices.Contains(power, r.Relation) && !outlasts(after, r)
		}) && !removes(w.Updates, object) {
			continue
		}
		reduces = true
		had, left := admins(power, object, found), admins(power, object, after)
		for person, until := range had {
			if end, still := left[person]; (!still || !noSooner(end, until)) && !permanent(left) {
				return access.Fail(access.Conflict, "last_admin", "this would leave %s without an admin; appoint another first", object)
			}
		}
		if len(had) > 0 {
			w.Require(stays(power, object, left, w.Cause.Actor)...)
		}
	}
	if reduces {
		o.swapVersion(w, object, found)
	}
	return nil
}

// swapVersion makes the write fail if another one has swapped it meanwhile.
func (o *Operations) swapVersion(w *access.Write, object access.Object, found []access.Relationship) {
	of := func(r access.Relationship) bool { return r.Resource == object && r.Relation == "admin_version" }
	if kind, _ := roles.KindOf(object.Type); kind.Tie == "" ||
		slices.ContainsFunc(w.Updates, func(u access.Update) bool { return of(u.Relationship) }) {
		return
	}
	if i := slices.IndexFunc(found, of); i >= 0 {
		w.Replace(found[i])
	} else {
		w.Require(access.MustNotMatch(access.On(object, "admin_version")))
	}
	w.Touch(access.Relate(object, "admin_version", o.newVersion()))
}

// apply is what the updates make of what was found.
func apply(updates []access.Update, found []access.Relationship) []access.Relationship {
	after := slices.Clone(found)
	for _, u := range updates {
		after = slices.DeleteFunc(after, func(r access.Relationship) bool { return access.Exactly(r) == access.Exactly(u.Relationship) })
		if u.Verb == access.Touch {
			after = append(after, u.Relationship)
		}
	}
	return after
}

// outlasts reports whether the relationship is still there, and no shorter.
func outlasts(after []access.Relationship, r access.Relationship) bool {
	return slices.ContainsFunc(after, func(a access.Relationship) bool {
		return access.Exactly(a) == access.Exactly(r) && noSooner(a.EndsAt, r.EndsAt)
	})
}

func removes(updates []access.Update, object access.Object) bool {
	return slices.ContainsFunc(updates, func(u access.Update) bool {
		return u.Verb == access.Touch && u.Relationship.Resource == object && u.Relationship.Relation == "removed"
	})
}

// noSooner compares two ends, of which zero is none.
func noSooner(end, other time.Time) bool {
	return end.IsZero() || !other.IsZero() && !end.Before(other)
}

// admins are the people who hold every relation of a power and were not removed
// from the site, with the time at which the first of them ends.
func admins(power []string, object access.Object, found []access.Relationship) map[string]time.Time {
	held, until := map[string]int{}, map[string]time.Time{}
	for _, r := range found {
		if r.Resource != object || !slices.Contains(power, r.Relation) {
			continue
		}
		if held[r.Subject.ID]++; held[r.Subject.ID] == 1 || noSooner(until[r.Subject.ID], r.EndsAt) {
			until[r.Subject.ID] = r.EndsAt
		}
	}
	for _, r := range found {
		if r.Resource == object && r.Relation == "removed" {
			delete(until, r.Subject.ID)
		}
	}
	for person := range until {
		if held[person] < len(power) {
			delete(until, person)
		}
	}
	return until
}

// stays requires that one of the permanent admins, rather the actor, is still there.
func stays(power []string, object access.Object, admins map[string]time.Time, actor access.Object) (all []access.Precondition) {
	kept := ""
	for person, until := range admins {
		if until.IsZero() && (kept == "" || person == actor.ID || kept != actor.ID && person < kept) {
			kept = person
		}
	}
	if kept == "" {
		return nil
	}
	for _, relation := range power {
		all = append(all, access.MustMatch(access.On(object, relation).To(access.User(kept))))
	}
	return all
}

func permanent(admins map[string]time.Time) bool {
	for _, until := range admins {
		if until.IsZero() {
			return true
		}
	}
	return false
}
