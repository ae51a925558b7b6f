package operations

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// guardFilters say what guard must see, read at the same moment as whatever else
// the write is planned on.
func guardFilters(object access.Object) []access.Filter {
	powers := roles.Powers[object.Type]
	if len(powers) == 0 {
		return nil
	}
	filters := []access.Filter{access.On(object, "admin_version")}
	for _, power := range powers {
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
// admin in a precondition would not do: their role may be ending too.
// Errors: Conflict (last_admin).
func (o *Operations) guard(w *access.Write, object access.Object, found []access.Relationship, lost access.Relationship) error {
	reduces := false
	for _, power := range roles.Powers[object.Type] {
		if !slices.Contains(power, lost.Relation) {
			continue
		}
		reduces = true
		without := slices.DeleteFunc(slices.Clone(found), func(r access.Relationship) bool { return access.Exactly(r) == access.Exactly(lost) })
		had, keeps := admins(power, found, false), admins(power, without, true)
		if len(had) > 0 && len(keeps) == 0 && had[lost.Subject.ID] {
			return access.Fail(access.Conflict, "last_admin", "this would leave %s without an admin; appoint another first", object)
		}
	}
	if !reduces {
		return nil
	}
	if i := slices.IndexFunc(found, func(r access.Relationship) bool { return r.Relation == "admin_version" }); i >= 0 {
		w.Replace(found[i])
	} else {
		w.Require(access.MustNotMatch(access.On(object, "admin_version")))
	}
	w.Touch(access.Relate(object, "admin_version", o.newVersion()))
	return nil
}

// admins are the people who hold every relation of a power and were not removed
// from the site; with permanent, only those who hold them for good.
func admins(power []string, found []access.Relationship, permanent bool) map[string]bool {
	held := map[string]int{}
	for _, r := range found {
		if slices.Contains(power, r.Relation) && (!permanent || r.EndsAt.IsZero()) {
			held[r.Subject.ID]++
		}
	}
	for _, r := range found {
		if r.Relation == "removed" {
			delete(held, r.Subject.ID)
		}
	}
	whole := map[string]bool{}
	for person, count := range held {
		if count == len(power) {
			whole[person] = true
		}
	}
	return whole
}
