// Package follow derives what must come after a commit from the Watch stream.
// A follower's place is kept, so that a crash at any instant delays what it does
// but loses nothing: each change is handled at least once.
package follow

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Follower hands every change to Handle, in order.
type Follower struct {
	Name          string // its place is kept under this name
	Relationships access.Relationships
	Cursors       access.Cursors
	Handle        func(context.Context, access.Change) error
	// Begin takes account of what was there before the first change, if set.
	Begin func(context.Context) error
	// Lost hears that the changes between two moments cannot be read any more, if
	// set. It may hear of the same gap again, with a later end.
	Lost func(ctx context.Context, from, to access.Token) error
	// Patience is how long to wait at most before what failed is tried again;
	// zero: half a minute.
	Patience time.Duration
	Log      *slog.Logger
	Counts   *Counts // of what goes wrong, if set
}

// Prepare gives a follower that never ran its place: now. Call it before the
// first write that the follower must not miss.
func (f *Follower) Prepare(ctx context.Context) error {
	at, err := f.Cursors.Cursor(ctx, f.Name)
	if err != nil || at != "" {
		return err
	}
	if at, err = f.Relationships.Head(ctx); err != nil {
		return err
	}
	if f.Begin != nil {
		if err := f.Begin(ctx); err != nil {
			return err
		}
	}
	return f.Cursors.SetCursor(ctx, f.Name, at)
}

// Run follows until the context ends. What fails is tried again, ever more
// slowly, and nothing behind it is handled before it succeeds.
func (f *Follower) Run(ctx context.Context) {
	f.Counts.begin(f.Name)
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = cmp.Or(f.Patience, 30*time.Second)
	wait.InitialInterval = min(wait.InitialInterval, wait.MaxInterval)
	for {
		err := f.follow(ctx, wait)
		if access.HasCode(err, "cursor_lost") {
			err = f.skip(ctx, err)
		}
		if ctx.Err() != nil {
			return
		}
		f.Counts.stopped(f.Name)
		pause := wait.NextBackOff()
		f.Log.Warn("following changes stopped, trying again", "follower", f.Name, "in", pause, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// skip goes on from now where the changes since the follower's place are gone: it
// would wait for them forever. It returns why the follower stopped either way.
func (f *Follower) skip(ctx context.Context, lost error) error {
	from, err := f.Cursors.Cursor(ctx, f.Name)
	if err != nil {
		return err
	}
	to, err := f.Relationships.Head(ctx)
	if err != nil {
		return err
	}
	f.Log.Error("changes were lost: they were deleted before they were followed, or SpiceDB is another or was restored",
		"follower", f.Name, "from", from, "to", to)
	f.Counts.lost(f.Name)
	if f.Lost != nil {
		if err := f.Lost(ctx, from, to); err != nil {
			return err
		}
	}
	if err := f.Cursors.SetCursor(ctx, f.Name, to); err != nil {
		return err
	}
	return lost
}

func (f *Follower) follow(ctx context.Context, wait *backoff.ExponentialBackOff) error {
	at, err := f.Cursors.Cursor(ctx, f.Name)
	if err != nil {
		return err
	}
	for change, err := range f.Relationships.Watch(ctx, at) {
		if err != nil {
			return err
		}
		if err := f.Handle(ctx, change); err != nil {
			return err
		}
		if change.At != at {
			if err := f.Cursors.SetCursor(ctx, f.Name, change.At); err != nil {
				return err
			}
			at = change.At
		}
		wait.Reset()
	}
	return nil
}
