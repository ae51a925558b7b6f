package cache

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/follow"
)

// beat is how often the lease is renewed. W must outlast several of them.
const beat = 500 * time.Millisecond

// Evidence lets a tailer prove how far it has come.
type Evidence interface {
	// Moment names a moment after everything committed before the call.
	Moment(ctx context.Context) (access.Token, error)
	// Handled hears of each change that the tailer is done with.
	Handled(c access.Change)
	// Passed reports whether the tailer, at a position, is done with all that came
	// before the moment.
	Passed(ctx context.Context, position, moment access.Token) (bool, error)
}

// Tailer follows every change, whoever made it, and keeps the lease by which readers
// know that they may trust what they find (rule 6).
type Tailer struct {
	relationships access.Relationships
	store         Store
	ends          access.Ends
	tuplesets     access.Tuplesets
	schema        Schema
	evidence      Evidence
	metrics       *Metrics
	log           *slog.Logger

	mu       sync.Mutex
	position access.Token
	moved    chan struct{} // closed when position changes
}

// NewTailer makes a tailer.
func NewTailer(r access.Relationships, s Store, ends access.Ends, t access.Tuplesets, in Schema, e Evidence, m *Metrics, log *slog.Logger) *Tailer {
	return &Tailer{
		relationships: r, store: s, ends: ends, tuplesets: t, schema: in, evidence: e, metrics: m, log: log, moved: make(chan struct{}),
	}
}

// Run follows and proves until the context ends.
func (t *Tailer) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { t.prove(ctx) })
	f := &follow.Follower{
		Name: "check cache", Relationships: t.relationships, Cursors: t, Handle: t.handle,
		Begin: t.forget, Lost: func(ctx context.Context, _, _ access.Token) error { return t.forget(ctx) },
		Patience: beat, Log: t.log, Counts: t.metrics.Following,
	}
	for t.begin(ctx, f) != nil {
		select {
		case <-ctx.Done():
		case <-time.After(beat):
			continue
		}
		break
	}
	f.Run(ctx)
	running.Wait()
}

// begin finds the tailer's place, or begins now with an empty cache.
func (t *Tailer) begin(ctx context.Context, f *follow.Follower) error {
	if err := f.Prepare(ctx); err != nil {
		return err
	}
	at, err := t.Cursor(ctx, f.Name)
	if err == nil {
		t.moveTo(at)
	}
	return err
}

// forget empties the cache: what changed meanwhile is not known.
func (t *Tailer) forget(ctx context.Context) error {
	return t.store.Catch(ctx, []access.Reach{access.Everything}, "")
}

// Cursor implements access.Cursors: the place is kept in the store, for whatever
// loses the one has lost the other. In this process the newer of the two counts.
func (t *Tailer) Cursor(ctx context.Context, _ string) (access.Token, error) {
	if at := t.at(); at != "" {
		return at, nil
	}
	return t.store.Position(ctx)
}

// SetCursor implements access.Cursors.
func (t *Tailer) SetCursor(ctx context.Context, _ string, at access.Token) error {
	if err := t.store.SetPosition(ctx, at); err != nil {
		return err
	}
	t.moveTo(at)
	return nil
}

func (t *Tailer) moveTo(at access.Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.position = at
	close(t.moved)
	t.moved = make(chan struct{})
}

func (t *Tailer) at() access.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.position
}

// handle bumps what a change reaches, unless its writer did.
func (t *Tailer) handle(ctx context.Context, c access.Change) error {
	if err := t.catch(ctx, c); err != nil {
		return err
	}
	t.evidence.Handled(c)
	return nil
}

func (t *Tailer) catch(ctx context.Context, c access.Change) error {
	if c.Schema {
		if err := t.forget(ctx); err != nil {
			return err
		}
	}
	if len(c.Updates) == 0 {
		return nil
	}
	changed := make([]access.Relationship, len(c.Updates))
	for i, u := range c.Updates {
		changed[i] = u.Relationship
		if u.Verb == access.Touch && !u.Relationship.EndsAt.IsZero() {
			if err := t.ends.AddEnd(ctx, u.Relationship, t.tuplesets.Reach(u.Relationship, nil)); err != nil {
				return err
			}
		}
	}
	return t.store.Catch(ctx, t.tuplesets.Reaches(changed, c.Leaves), c.Cause.Attempt)
}

// prove renews the lease as long as there is evidence for it.
func (t *Tailer) prove(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		if err := t.renew(ctx); err != nil && ctx.Err() == nil {
			t.log.Debug("the lease of the check cache was not renewed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// renew leases until W after an instant before which everything committed was
// bumped. Readers may trust the cache as long as relationships mean what they did
// when this server was built.
func (t *Tailer) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, W)
	defer cancel()
	now, err := t.store.Now(ctx)
	if err != nil {
		return err
	}
	moment, err := t.evidence.Moment(ctx)
	if err != nil {
		return err
	}
	position, err := t.await(ctx, moment)
	if err != nil {
		return err
	}
	if inForce, err := t.schema.InForce(ctx, moment); err != nil || !inForce {
		return err
	}
	known, err := t.store.Prove(ctx, now.Add(W))
	if err == nil && !known {
		// The store lost its memory, or is another than a moment ago.
		if err = t.forget(ctx); err == nil {
			err = t.store.SetPosition(ctx, position)
		}
	}
	if err == nil && known {
		t.metrics.proven(now)
	}
	return err
}

// await returns once the tailer has passed the moment, and how far it has come.
func (t *Tailer) await(ctx context.Context, moment access.Token) (access.Token, error) {
	for {
		t.mu.Lock()
		position, moved := t.position, t.moved
		t.mu.Unlock()
		if position != "" {
			if passed, err := t.evidence.Passed(ctx, position, moment); err != nil || passed {
				return position, err
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-moved:
		}
	}
}
