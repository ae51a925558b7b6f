package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Object is a thing of a type: something to have a permission on.
type Object struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (o Object) String() string { return o.Type + ":" + o.ID }

// Subject is who, or what, has a permission.
type Subject struct {
	Type     string `json:"type"`
	ID       string `json:"id,omitempty"`
	Email    string `json:"email,omitempty"`    // instead of the id of a user
	Relation string `json:"relation,omitempty"` // for a set of subjects
}

// User is the person with that id.
func User(id string) Subject { return Subject{Type: "user", ID: id} }

// UserByEmail is the person with that e-mail. If there is none, nothing is allowed.
func UserByEmail(email string) Subject { return Subject{Type: "user", Email: email} }

func (s Subject) String() string {
	text := s.Type + ":" + s.ID + s.Email
	if s.Relation != "" {
		text += "#" + s.Relation
	}
	return text
}

// Token is a ZedToken: it names a moment in the history of all relationships.
// Writes are acknowledged with one, and answers carry one.
type Token string

// Consistency is how fresh an answer must be. The zero value means: never older
// than a write acknowledged before the question.
type Consistency struct {
	AtLeastAsFresh  Token `json:"at_least_as_fresh,omitempty"`
	FullyConsistent bool  `json:"fully_consistent,omitempty"`
}

// AtLeastAsFresh asks for an answer that has seen the write with that token.
func AtLeastAsFresh(t Token) Consistency { return Consistency{AtLeastAsFresh: t} }

// FullyConsistent asks for an answer computed for this very question. It costs the
// server the most.
func FullyConsistent() Consistency { return Consistency{FullyConsistent: true} }

// Check asks whether Subject has Permission on Resource.
type Check struct {
	Resource    Object      `json:"resource"`
	Permission  string      `json:"permission"`
	Subject     Subject     `json:"subject"`
	Consistency Consistency `json:"consistency,omitzero"`
}

func (q Check) String() string {
	return fmt.Sprintf("%s %s %s", q.Subject, q.Permission, q.Resource)
}

// Decision answers a Check. The zero value allows nothing.
type Decision struct {
	Allowed   bool
	CheckedAt Token  // the answer is no older than this
	Source    string // where it came from: "cache" or "spicedb"
}

// decision is a Decision on the wire, where an answer that says nothing must not
// pass for a deny.
type decision struct {
	Allowed   *bool  `json:"allowed"`
	CheckedAt Token  `json:"checked_at"`
	Source    string `json:"source"`
}

var errNoAnswer = errors.New("the answer does not say whether it is allowed")

func (d decision) read() (Decision, error) {
	if d.Allowed == nil {
		return Decision{}, errNoAnswer
	}
	return Decision{Allowed: *d.Allowed, CheckedAt: d.CheckedAt, Source: d.Source}, nil
}

// Check answers one question.
func (c *Client) Check(ctx context.Context, q Check) (Decision, error) {
	var answer decision
	if err := c.ask(ctx, "/v1/check", q, &answer); err != nil {
		return Decision{}, err
	}
	d, err := answer.read()
	if err != nil {
		return Decision{}, unreadable(err)
	}
	return d, nil
}

// Require returns nil only if the check is allowed, and a *DeniedError, which is
// ErrDenied, if it is not.
func (c *Client) Require(ctx context.Context, q Check) error {
	d, err := c.Check(ctx, q)
	if err == nil && !d.Allowed {
		err = &DeniedError{Check: q}
	}
	return err
}

// Answer is one answer of a Bulk: a decision, or why there is none.
type Answer struct {
	Decision
	Err error
}

// maxChecks is how many checks the server takes at once.
const maxChecks = 1000

// Bulk answers any number of questions, in order, in requests of up to a thousand.
// A question that cannot be answered carries its own error and leaves the rest
// alone. An error of Bulk itself means that there are no answers.
func (c *Client) Bulk(ctx context.Context, qs []Check) ([]Answer, error) {
	answers := make([]Answer, 0, len(qs))
	for some := range slices.Chunk(qs, maxChecks) {
		var page struct {
			Results []struct {
				decision
				Error *problem `json:"error"`
			} `json:"results"`
		}
		request := struct {
			Checks []Check `json:"checks"`
		}{some}
		if err := c.ask(ctx, "/v1/check/bulk", request, &page); err != nil {
			return nil, err
		}
		if len(page.Results) != len(some) {
			return nil, unreadable(fmt.Errorf("%d answers to %d checks", len(page.Results), len(some)))
		}
		for _, r := range page.Results {
			var a Answer
			if r.Error != nil {
				a.Err = r.Error.error()
			} else if d, err := r.read(); err != nil {
				a.Err = unreadable(err)
			} else {
				a.Decision = d
			}
			answers = append(answers, a)
		}
	}
	return answers, nil
}
