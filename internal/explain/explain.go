// Package explain says why a subject has a permission, or why not: as a tree, and
// in a sentence an admin understands. SpiceDB gives every answer in the tree; the
// schema's shape says how they hang together, so that nothing here knows what a
// permission means. What whoever asks may not know is never looked at.
package explain

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Store answers as of one moment.
type Store interface {
	Head(ctx context.Context) (access.Token, error)
	ReadAt(ctx context.Context, at access.Token, filters ...access.Filter) ([]access.Relationship, error)
	CheckAt(ctx context.Context, at access.Token, checks ...access.Check) ([]bool, error)
}

// Directory knows what people and objects are called.
type Directory interface {
	PeopleByID(ctx context.Context, ids []string) (map[string]access.Person, error)
	ObjectsByID(ctx context.Context, objects []access.Object) (map[access.Object]access.ObjectProfile, error)
}

// Dependencies are what explanations are made of.
type Dependencies struct {
	Store     Store
	Directory Directory
	Audit     access.Audit
	Shape     access.Shape
	Now       access.Clock
	TimeZone  string // of objects without one
}

// Explainer explains answers.
type Explainer struct{ Dependencies }

// New makes an explainer.
func New(d Dependencies) *Explainer { return &Explainer{d} }

// Question is a check to be explained.
type Question struct {
	Asker access.Object // who may ask it; what they may not know is kept from them
	access.Check
	Called   string // what the asker calls the subject, if not by its id
	Stranger bool   // the subject is nobody
}

// Explanation says why, or why not.
type Explanation struct {
	Allowed   bool
	CheckedAt access.Token
	Sentence  string
	Tree      *Node
}

// attempts bounds how often the answers are asked for again because a role ended
// between two of them: time passes also at one moment of the relationships.
const attempts = 5

// Explain says why the subject has the permission, or why not.
// Errors: Invalid (malformed_reference) for a set of subjects, Unavailable.
func (e *Explainer) Explain(ctx context.Context, q Question) (Explanation, error) {
	if q.Subject.Relation != "" {
		return Explanation{}, access.Fail(access.Invalid, "malformed_reference", "only answers about one subject can be explained, not about all of %s", q.Subject)
	}
	for range attempts {
		at, err := e.Store.Head(ctx)
		if err != nil {
			return Explanation{}, err
		}
		t := &tree{Explainer: e, Question: q, at: at}
		coherent, err := t.grow(ctx)
		if err != nil {
			return Explanation{}, err
		}
		if coherent {
			sentence, err := t.sentence(ctx)
			return Explanation{Allowed: t.root.Result == True, CheckedAt: at, Sentence: sentence, Tree: t.root}, err
		}
	}
	return Explanation{}, &access.Error{
		Kind: access.Unavailable, Code: "contended", RetryAfter: time.Second, Detail: "the answer is changing, try again",
	}
}
