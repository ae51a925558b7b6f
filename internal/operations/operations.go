// Package operations holds the verbs admins know, one to a file: create, add,
// invite, accept, resend, revoke, end. Each reads what it needs, plans one
// relationship write, and commits it with preconditions that make the commit
// fail if what was read no longer holds.
//
// What entitles the caller, the permission the catalogue names, is among those
// preconditions. Whoever exposes an operation asks for it beforehand as well, to
// tell those who may not know of an object from those who may not change it.
package operations

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// Directory is what operations ask of the directory.
type Directory interface {
	access.People
	access.Objects
	access.Invitations
	access.APIKeys
	access.Applications
}

// Dependencies are what operations work on.
type Dependencies struct {
	Relationships access.Relationships
	Checks        access.Checker
	Lookups       access.Lookups
	Directory     Directory
	Audit         access.Audit
	Now           access.Clock
	NewID         func() string   // unique and unguessable
	TimeZone      string          // of objects created without one
	Operators     []email.Address // who operates the platform, by configuration
}

// Operations carries out the verbs.
type Operations struct{ Dependencies }

// New makes the operations.
func New(d Dependencies) *Operations { return &Operations{d} }

// By says on whose behalf an operation runs, and why.
type By struct {
	Actor     access.Object
	Reason    string
	RequestID string
	From      string // the client's address
}

func (b By) cause(operation string) access.Cause {
	return access.Cause{Operation: operation, Actor: b.Actor, Reason: b.Reason, RequestID: b.RequestID, From: b.From}
}

// attempts bounds how often a plan is made anew because the state moved on
// between reading and committing.
const attempts = 20

// commit makes a plan on what is there and commits it; if something else was
// committed in between that matters to the plan, it makes another. A plan
// without updates commits nothing, and the moment it was made on is returned; what it
// found settled is settled for everybody by then.
func (o *Operations) commit(ctx context.Context, plan func(context.Context) (access.Write, access.Token, error)) (access.Token, error) {
	for attempt := range attempts {
		w, at, err := plan(ctx)
		if err == nil && (len(w.Updates) > 0 || len(w.Settled) > 0) {
			at, err = o.write(ctx, w)
		}
		if !errors.Is(err, access.ErrPreconditionFailed) {
			return at, err
		}
		if err := pause(ctx, attempt); err != nil {
			return "", err
		}
	}
	return "", contended()
}

func contended() error {
	return &access.Error{
		Kind: access.Unavailable, Code: "contended", RetryAfter: time.Second,
		Detail: "others are changing the same roles, try again",
	}
}

// write commits a plan and notes the time.
func (o *Operations) write(ctx context.Context, w access.Write) (access.Token, error) {
	w.Cause.At = o.Now().UTC().Truncate(time.Microsecond)
	return o.Relationships.Write(ctx, w)
}

// pause lets contenders draw apart; it grows with the attempts.
func pause(ctx context.Context, attempt int) error {
	most := time.Millisecond << min(attempt, 6)
	select {
	case <-ctx.Done():
		return access.Down("SpiceDB", ctx.Err())
	case <-time.After(rand.N(most)): // spreads retries, guards nothing
		return nil
	}
}
