package sweep

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

const (
	// batch is how many ended roles are read at once.
	batch = 100
	// patience is how long to wait for a role whose end SpiceDB has not seen yet,
	// or for whatever failed; and retry how often all ends are looked at anyway.
	patience = time.Second
	retry    = time.Minute
)

// Ends deletes roles once they have ended. SpiceDB denies an ended role by itself,
// but never tells anybody.
type Ends struct {
	Relationships access.Relationships
	Kept          access.Ends
	Tuplesets     access.Tuplesets
	Now           access.Clock
	Log           *slog.Logger

	changed chan struct{}
}

// NewEnds makes a sweeper.
func NewEnds(relationships access.Relationships, kept access.Ends, tuplesets access.Tuplesets, now access.Clock, log *slog.Logger) *Ends {
	return &Ends{Relationships: relationships, Kept: kept, Tuplesets: tuplesets, Now: now, Log: log, changed: make(chan struct{}, 1)}
}

// Handle keeps account of what ends when.
func (e *Ends) Handle(ctx context.Context, c access.Change) error {
	for _, u := range c.Updates {
		r := u.Relationship
		if u.Verb == access.Delete || r.EndsAt.IsZero() {
			continue
		}
		if err := e.Kept.AddEnd(ctx, r, e.Tuplesets.Reach(r, nil)); err != nil {
			return err
		}
		select {
		case e.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

// Recount takes account of the ends there are: those a follower that never ran, or
// lost its place, has not heard of.
func (e *Ends) Recount(ctx context.Context) error {
	for objectType := range e.Tuplesets {
		found, _, err := e.Relationships.Read(ctx, access.Filter{ResourceType: objectType})
		if err != nil {
			return err
		}
		for _, r := range found {
			if r.EndsAt.IsZero() {
				continue
			}
			if err := e.Kept.AddEnd(ctx, r, e.Tuplesets.Reach(r, nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

func isRole(r access.Relationship) bool {
	for _, role := range roles.On(r.Resource.Type) {
		if role.Relation == r.Relation {
			return role.MayEnd
		}
	}
	return false
}

// Run deletes roles at their ends, until the context ends. Those that ended while
// nothing ran are deleted first.
func (e *Ends) Run(ctx context.Context) {
	for {
		wait, err := e.sweep(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.Log.Warn("deleting ended roles failed, trying again", "in", patience, "error", err)
			wait = patience
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-e.changed:
		}
		timer.Stop()
	}
}

// sweep deletes what has ended, and says when to come back.
func (e *Ends) sweep(ctx context.Context) (time.Duration, error) {
	for {
		due, next, err := e.Kept.DueEnds(ctx, batch)
		if err != nil {
			return 0, err
		}
		late := false
		for _, r := range due {
			swept, err := e.delete(ctx, r)
			if err != nil {
				return 0, err
			}
			late = late || !swept
		}
		switch {
		case late:
			return patience, nil
		case len(due) == batch:
			continue
		case next.IsZero():
			return retry, nil
		}
		return min(max(next.Sub(e.Now()), time.Millisecond), retry), nil
	}
}

// delete says whether the end is done with: the role is gone, or its end is another
// by now. One that lives because SpiceDB's clock is behind ours survives, and so does
// its end. What is no role is not deleted: it has ended, and that is all.
func (e *Ends) delete(ctx context.Context, r access.Relationship) (bool, error) {
	if !isRole(r) {
		found, _, err := e.Relationships.Read(ctx, access.Exactly(r))
		if err != nil || len(found) > 0 && found[0].EndsAt.Equal(r.EndsAt) {
			return false, err
		}
		return true, e.Kept.ForgetEnd(ctx, r)
	}
	w := access.Write{Cause: access.Cause{Operation: "role_ended", Actor: access.System, At: e.Now()}}
	w.Delete(r)
	w.Require(access.MustNotMatch(access.Exactly(r)))
	_, err := e.Relationships.Write(ctx, w)
	if errors.Is(err, access.ErrPreconditionFailed) {
		found, _, err := e.Relationships.Read(ctx, access.Exactly(r))
		if err != nil || len(found) == 0 || found[0].EndsAt.Equal(r.EndsAt) {
			return false, err
		}
		return true, e.Kept.ForgetEnd(ctx, r)
	}
	if err != nil {
		return false, err
	}
	return true, e.Kept.ForgetEnd(ctx, r)
}
