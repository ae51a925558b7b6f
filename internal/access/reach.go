package access

import "slices"

// Reach says which checks a change of a relationship can change: those of one
// subject, those on one resource, or any.
type Reach struct {
	of     string // "subject" or "resource"
	object Object
}

// Everything is the reach of structure: who asks about what does not matter.
var Everything Reach

// OfSubject is the reach of what changes only checks whose subject this is.
func OfSubject(o Object) Reach { return Reach{"subject", o} }

// OfResource is the reach of what changes only checks whose resource this is.
func OfResource(o Object) Reach { return Reach{"resource", o} }

// String names the reach; the name of Everything is empty.
func (r Reach) String() string {
	if r == Everything {
		return ""
	}
	return r.of + " " + r.object.Type + ":" + r.object.ID
}

// Tuplesets says of every relation of a schema, by type and name, whether it is a
// tupleset: the left side of an arrow.
type Tuplesets map[string]map[string]bool

// Reach tells how far a relationship reaches. One that relates a resource to a
// concrete subject, under a relation that is no tupleset, is an assignment and
// concerns that subject alone. What else is on a leaf concerns that leaf alone.
// All else is structure, as is what the schema does not know.
func (t Tuplesets) Reach(r Relationship, leaves []Object) Reach {
	tupleset, known := t[r.Resource.Type][r.Relation]
	switch {
	case slices.Contains(leaves, r.Resource):
		return OfResource(r.Resource)
	case known && !tupleset && r.Subject.Relation == "" && r.Subject.ID != "*":
		return OfSubject(r.Subject.Object)
	}
	return Everything
}

// Reaches tells how far several relationships reach, each reach once; whatever
// is beside Everything is part of it.
func (t Tuplesets) Reaches(rs []Relationship, leaves []Object) []Reach {
	var all []Reach
	for _, r := range rs {
		reach := t.Reach(r, leaves)
		if reach == Everything {
			return []Reach{Everything}
		}
		if !slices.Contains(all, reach) {
			all = append(all, reach)
		}
	}
	return all
}
