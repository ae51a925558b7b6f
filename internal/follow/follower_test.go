package follow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// world is a real SpiceDB to follow, and a real directory to keep places in.
type world struct {
	t       *testing.T
	gateway *relationships.Gateway
	cursors *directory.Directory
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	cursors, err := directory.New(t.Context(), engine.DB(), time.Now, gateway.Exists)
	require.NoError(t, err)
	return &world{t: t, gateway: gateway, cursors: cursors}
}

// write commits a change that goes by a name.
func (w *world) write(names ...string) {
	w.t.Helper()
	for _, name := range names {
		var write access.Write
		write.Touch(access.Relate(access.Object{Type: access.TypeProject, ID: "apollo"}, "member", access.User(strings.ReplaceAll(name, " ", "-"))))
		write.Cause.Reason = name
		_, err := w.gateway.Write(w.t.Context(), write)
		require.NoError(w.t, err)
	}
}

// diary is a handler that notes the names of the changes it has handled.
type diary struct {
	mu    sync.Mutex
	noted []string
	tried int
	fails func(name string) error // may refuse a change, if set
}

func (d *diary) handle(_ context.Context, c access.Change) error {
	if len(c.Updates) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried++
	if d.fails != nil {
		if err := d.fails(c.Cause.Reason); err != nil {
			return err
		}
	}
	d.noted = append(d.noted, c.Cause.Reason)
	return nil
}

// eventually waits for what the diary says.
func (d *diary) eventually(t *testing.T, wanted ...string) {
	t.Helper()
	assert.EventuallyWithT(t, func(c *assert.CollectT) {
		d.mu.Lock()
		defer d.mu.Unlock()
		assert.Equal(c, wanted, d.noted)
	}, 20*time.Second, time.Millisecond)
}

func (w *world) follower(name string, handle func(context.Context, access.Change) error) *follow.Follower {
	return &follow.Follower{Name: name, Relationships: w.gateway, Cursors: w.cursors, Handle: handle, Log: slog.New(slog.DiscardHandler)}
}

// run lets the follower run until stop is called, which waits for its end.
func (w *world) run(f *follow.Follower) (stop func()) {
	w.t.Helper()
	require.NoError(w.t, f.Prepare(w.t.Context()))
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	w.t.Cleanup(stop)
	return stop
}

// caughtUp waits until the follower has noted that it is past all changes so far.
func (w *world) caughtUp(f *follow.Follower) {
	w.t.Helper()
	head, err := w.gateway.Head(w.t.Context())
	require.NoError(w.t, err)
	require.EventuallyWithT(w.t, func(c *assert.CollectT) {
		at, err := w.cursors.Cursor(w.t.Context(), f.Name)
		assert.NoError(c, err)
		assert.Equal(c, head, at)
	}, 20*time.Second, time.Millisecond)
}

func TestEveryChangeIsHandledInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var d diary
	f := w.follower("diary", d.handle)
	var wanted []string
	w.write("before it was prepared")
	w.run(f)
	for n := range 50 {
		wanted = append(wanted, fmt.Sprint("change ", n))
		w.write(wanted[n])
	}
	d.eventually(t, wanted...)
}

// TestAFollowerBeginsWhereItWasPrepared: it misses nothing that was written
// between, and preparing again does not move it.
func TestAFollowerBeginsWhereItWasPrepared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var d diary
	f := w.follower("diary", d.handle)
	w.write("before")
	require.NoError(t, f.Prepare(t.Context()))
	w.write("between", "later")
	require.NoError(t, f.Prepare(t.Context()))
	w.run(f)
	d.eventually(t, "between", "later")
}

func TestFollowersKeepTheirOwnPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var early, late diary
	w.run(w.follower("early", early.handle))
	w.write("one")
	early.eventually(t, "one")
	w.run(w.follower("late", late.handle))
	w.write("two")
	late.eventually(t, "two")
	early.eventually(t, "one", "two")
}

// TestAFailureIsTriedAgain until it succeeds; what comes behind it waits.
func TestAFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failures := 0
	d := diary{fails: func(name string) error {
		if name == "hard" && failures < 2 {
			failures++
			return errors.New("not yet")
		}
		return nil
	}}
	w.run(w.follower("diary", d.handle))
	w.write("easy", "hard", "behind")
	d.eventually(t, "easy", "hard", "behind")
	d.mu.Lock()
	defer d.mu.Unlock()
	assert.Equal(t, 5, d.tried, "only what failed was tried again")
}

// TestARestartResumes behind what was handled, whatever happened in between.
func TestARestartResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var first, second diary
	f := w.follower("diary", first.handle)
	stop := w.run(f)
	w.write("one", "two")
	first.eventually(t, "one", "two")
	w.caughtUp(f)
	stop()

	w.write("while it was down")
	w.run(w.follower("diary", second.handle))
	w.write("after")
	second.eventually(t, "while it was down", "after")
	first.eventually(t, "one", "two")
}

// TestACrashInTheHandlerLosesNothing: the change under way is handled again.
func TestACrashInTheHandlerLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var second diary
	reached := make(chan struct{}, 1)
	stop := w.run(w.follower("diary", func(ctx context.Context, c access.Change) error {
		if len(c.Updates) == 0 {
			return nil
		}
		reached <- struct{}{}
		<-ctx.Done() // as far as it comes
		return ctx.Err()
	}))
	w.write("one", "two")
	<-reached
	stop()

	w.run(w.follower("diary", second.handle))
	second.eventually(t, "one", "two")
}

// forgetful fails to note a place, so many times.
type forgetful struct {
	access.Cursors
	mu    sync.Mutex
	times int
}

func (f *forgetful) SetCursor(ctx context.Context, follower string, at access.Token) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.times > 0 {
		f.times--
		return access.Down("the directory", errors.New("disk full"))
	}
	return f.Cursors.SetCursor(ctx, follower, at)
}

// TestAPlaceThatIsNotNoted makes a change be handled again, and none be lost.
func TestAPlaceThatIsNotNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var d diary
	f := w.follower("diary", d.handle)
	require.NoError(t, f.Prepare(t.Context()))
	f.Cursors = &forgetful{Cursors: w.cursors, times: 1}
	w.write("one")
	w.run(f)
	d.eventually(t, "one", "one")
	w.write("two")
	d.eventually(t, "one", "one", "two")
}

// TestQuietTimesMoveTheFollowerOn, so that a restart need not go back to the last
// change.
func TestQuietTimesMoveTheFollowerOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var d diary
	f := w.follower("diary", d.handle)
	w.run(f)
	var nothing access.Write
	nothing.Delete(access.Relate(access.Object{Type: access.TypeProject, ID: "apollo"}, "member", access.User("nobody")))
	_, err := w.gateway.Write(t.Context(), nothing)
	require.NoError(t, err)
	w.caughtUp(f)
}

// TestALostPlaceIsToldAndLeft when the changes behind it are gone, as those of
// another SpiceDB are: the follower goes on from the present, and never silently.
func TestALostPlaceIsToldAndLeft(t *testing.T) {
	t.Parallel()
	elsewhere, w := newWorld(t), newWorld(t)
	foreign, err := elsewhere.gateway.Head(t.Context())
	require.NoError(t, err)
	w.write("before")
	head, err := w.gateway.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.cursors.SetCursor(t.Context(), "diary", foreign))

	var d diary
	var log strings.Builder
	type gap struct{ from, to access.Token }
	told := make(chan gap, 2)
	failures := 1
	f := w.follower("diary", d.handle)
	f.Log = slog.New(slog.NewTextHandler(&log, nil))
	f.Lost = func(_ context.Context, from, to access.Token) error {
		told <- gap{from, to}
		if failures--; failures >= 0 {
			return errors.New("not yet")
		}
		return nil
	}
	stop := w.run(f)
	assert.Equal(t, gap{foreign, head}, <-told)
	assert.Equal(t, gap{foreign, head}, <-told, "what could not be told is told again")
	w.caughtUp(f)
	w.write("after")
	d.eventually(t, "after")
	stop()
	assert.Contains(t, log.String(), "level=ERROR")
	assert.Contains(t, log.String(), string(foreign))
}

func TestPrepareNeedsStoreAndDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.follower("diary", nil)
	f.Cursors = &forgetful{Cursors: w.cursors, times: 1}
	assert.True(t, access.IsKind(f.Prepare(t.Context()), access.Unavailable))
	at, err := w.cursors.Cursor(t.Context(), "diary")
	require.NoError(t, err)
	assert.Empty(t, at)
}
