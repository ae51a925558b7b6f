package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// W bounds how long a change made by other tools may go unseen, and so how long
	// a lease lasts.
	W = 2 * time.Second
	// markLife is how long the mark of a write that nobody finishes keeps
	// answers of its reach from being given.
	markLife = 10 * time.Second
	// retryBump is how often a bump is tried again until W has passed.
	retryBump = 100 * time.Millisecond
)

// Schema tells whether relationships still mean what they did.
type Schema interface {
	// InForce reports whether the schema that reaches were told by was in force
	// at a moment, or at a later one.
	InForce(ctx context.Context, at access.Token) (bool, error)
}

// Writer writes relationships so that no answer kept anywhere is stale once the
// write is acknowledged (rules 3 to 5 and 8).
type Writer struct {
	access.Relationships
	store     Store
	ends      access.Ends
	tuplesets access.Tuplesets
	schema    Schema
	metrics   *Metrics
}

var _ access.Relationships = (*Writer)(nil)

// NewWriter makes a writer over the relationships themselves.
func NewWriter(r access.Relationships, s Store, ends access.Ends, t access.Tuplesets, in Schema, m *Metrics) *Writer {
	return &Writer{Relationships: r, store: s, ends: ends, tuplesets: t, schema: in, metrics: m}
}

// Write commits all of w or nothing. Errors: those of the relationships.
func (c *Writer) Write(ctx context.Context, w access.Write) (access.Token, error) {
	if len(w.Updates) == 0 {
		return c.settle(ctx, w)
	}
	leaves := w.Leaves()
	changed := make([]access.Relationship, len(w.Updates))
	for i, u := range w.Updates {
		changed[i] = u.Relationship
		if u.Verb == access.Touch && !u.Relationship.EndsAt.IsZero() {
			// Before the commit: an end nobody knows of would be outlived. A leaf
			// may cease to be one until then.
			if err := c.ends.AddEnd(ctx, u.Relationship, c.tuplesets.Reach(u.Relationship, nil)); err != nil {
				return "", err
			}
		}
	}
	return c.commit(ctx, c.tuplesets.Reaches(changed, leaves), func(attempt string) (access.Token, error) {
		w.Cause.Attempt = attempt
		return c.Relationships.Write(ctx, w)
	})
}

// Forget deletes every relationship of which this is the subject, which must be of a
// type that no tupleset leads to. Errors: those of the relationships.
func (c *Writer) Forget(ctx context.Context, subject access.Object, ps []access.Precondition, cause access.Cause) (access.Token, error) {
	return c.commit(ctx, []access.Reach{access.OfSubject(subject)}, func(attempt string) (access.Token, error) {
		cause.Attempt = attempt
		return c.Relationships.Forget(ctx, subject, ps, cause)
	})
}

// settle acknowledges that there was nothing to do. Somebody else did it, and may
// not have come to bump yet (rule 4).
func (c *Writer) settle(ctx context.Context, w access.Write) (access.Token, error) {
	at, err := c.Relationships.Write(ctx, w)
	if err != nil || len(w.Settled) == 0 {
		return at, err
	}
	c.publish(ctx, c.tuplesets.Reaches(w.Settled, w.Leaves()), rand.Text(), time.Now())
	return at, nil
}

// commit marks, commits and bumps. The attempt's name is new each time: an earlier
// one may land late (rule 3).
func (c *Writer) commit(ctx context.Context, reaches []access.Reach, write func(attempt string) (access.Token, error)) (access.Token, error) {
	attempt := rand.Text()
	// A mark that fails is no harm: it spares readers a look ahead of the rest.
	_ = c.store.Mark(ctx, reaches, attempt, markLife)
	at, err := write(attempt)
	committed := time.Now()
	switch {
	case errors.Is(err, access.ErrPreconditionFailed):
		// Nothing was written, so nothing is owed.
		_, _ = c.store.Bump(ctx, reaches, attempt)
		return "", err
	case err != nil:
		// It may have been written, or may be yet: the mark stands, and the
		// tailer finds out.
		return "", err
	}
	if inForce, err := c.schema.InForce(ctx, at); err != nil || !inForce {
		reaches = []access.Reach{access.Everything}
	}
	c.publish(ctx, reaches, attempt, committed)
	return at, nil
}

// publish bumps, and returns once no reader can give an answer from before the
// commit. If the store cannot be reached, that is when every lease there may be has
// run out, or was renewed by a tailer that has seen the commit (rule 5). The caller's
// patience does not count: what is committed must not be left half said.
func (c *Writer) publish(ctx context.Context, reaches []access.Reach, attempt string, committed time.Time) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), committed.Add(W))
	defer cancel()
	for {
		wait, err := c.store.Bump(ctx, reaches, attempt)
		if err == nil {
			c.metrics.bumped(reaches)
			time.Sleep(wait)
			return
		}
		select {
		case <-ctx.Done():
			c.metrics.waitedOut()
			return
		case <-time.After(retryBump):
		}
	}
}
