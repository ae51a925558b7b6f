package access

import (
	"slices"
	"time"
)

// Verb is what an Update does to its relationship.
type Verb int

// Touch creates or replaces, Delete removes and succeeds silently if there is
// nothing to remove. SpiceDB's CREATE is not used: it fails over an ended
// relationship that was not yet collected, so "new" is said with a MustNotMatch.
const (
	Touch Verb = iota
	Delete
)

func (v Verb) String() string {
	if v == Delete {
		return "DELETE"
	}
	return "TOUCH"
}

// Update is one change of a Write.
type Update struct {
	Verb         Verb
	Relationship Relationship
}

func (u Update) String() string { return u.Verb.String() + " " + u.Relationship.String() }

// Precondition must hold at the commit, or nothing is written.
// Only relationships that have not ended count as matching.
type Precondition struct {
	Filter   Filter
	MustFail bool // false: some relationship must match; true: none may
}

// MustMatch holds if some live relationship matches.
func MustMatch(f Filter) Precondition { return Precondition{Filter: f} }

// MustNotMatch holds if no live relationship matches.
func MustNotMatch(f Filter) Precondition { return Precondition{Filter: f, MustFail: true} }

func (p Precondition) String() string {
	if p.MustFail {
		return "MUST_NOT_MATCH " + p.Filter.String()
	}
	return "MUST_MATCH " + p.Filter.String()
}

// Cause says who changes relationships and why. It travels with the write as
// transaction metadata, so that everything derived from Watch can name it.
type Cause struct {
	Operation string // the verb: "add", "invite", "end_role", …
	Actor     Object // the person, or System
	Reason    string // free text from the caller, may be empty
	RequestID string
	From      string    // the client's address, if there is one
	At        time.Time // when it was committed, to the microsecond; zero: nobody said
	Attempt   string    `json:"-"` // names this try of the write, and no other; may be empty
}

// System is the actor of what Gatehouse does by itself.
var System = Object{Type: TypePlatform, ID: "gatehouse"}

// Write is the commit point of an operation: all of it or nothing.
type Write struct {
	Updates       []Update
	Preconditions []Precondition
	Cause         Cause
	// Settled are relationships that the write would have changed, had they not
	// been as wanted already. Somebody else made them so, maybe a moment ago.
	Settled []Relationship
}

// Touch adds relationships to the write.
func (w *Write) Touch(rs ...Relationship) {
	for _, r := range rs {
		w.Updates = append(w.Updates, Update{Touch, r})
	}
}

// Delete adds removals to the write.
func (w *Write) Delete(rs ...Relationship) {
	for _, r := range rs {
		w.Updates = append(w.Updates, Update{Delete, r})
	}
}

// Replace adds the removal of a relationship that must still be there.
func (w *Write) Replace(r Relationship) {
	w.Delete(r)
	w.Require(MustMatch(Exactly(r)))
}

// Settle notes what the write would have changed, had it been there to change.
func (w *Write) Settle(rs ...Relationship) { w.Settled = append(w.Settled, rs...) }

// Require adds preconditions to the write, each once.
func (w *Write) Require(ps ...Precondition) {
	for _, p := range ps {
		if !slices.Contains(w.Preconditions, p) {
			w.Preconditions = append(w.Preconditions, p)
		}
	}
}

// Leaves are the objects that are nobody's subject as the write commits, by its
// preconditions: what changes on them concerns nobody who asks about another object.
func (w Write) Leaves() []Object {
	var leaves []Object
	for _, p := range w.Preconditions {
		leaf := Object{Type: p.Filter.SubjectType, ID: p.Filter.SubjectID}
		if p.MustFail && leaf.Type != "" && leaf.ID != "" && p.Filter == (Filter{}).To(leaf) {
			leaves = append(leaves, leaf)
		}
	}
	return leaves
}

// Token names a moment of the relationships: a ZedToken.
type Token string

// Change is one committed write as Watch reports it. A change made by other
// tools has an empty Cause.
type Change struct {
	Updates []Update
	Leaves  []Object // as Write.Leaves
	Schema  bool     // the schema changed
	Cause   Cause
	At      Token
}
