package sweep_test

import (
	"context"
	"log/slog"
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
	"github.com/gatehouse/gatehouse/internal/sweep"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// world is a SpiceDB and a directory.
type world struct {
	t       *testing.T
	gateway *relationships.Gateway
	names   *directory.Directory
	ends    *sweep.Ends
}

var account = access.Object{Type: access.TypeCustomerAccount, ID: "alp"}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	names, err := directory.New(t.Context(), engine.DB(), time.Now, gateway.Exists)
	require.NoError(t, err)
	tuplesets, err := spicedb.Tuplesets(schema.Text)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	return &world{t, gateway, names, sweep.NewEnds(gateway, names, tuplesets, time.Now, log)}
}

// run follows and sweeps until the test, or the returned function, ends it.
func (w *world) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	f := &follow.Follower{
		Name: "ends", Relationships: w.gateway, Cursors: w.names, Handle: w.ends.Handle, Begin: w.ends.Recount, Log: slog.New(slog.DiscardHandler),
	}
	require.NoError(w.t, f.Prepare(ctx))
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	running.Go(func() { w.ends.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) give(person string, after time.Duration) access.Relationship {
	w.t.Helper()
	r := access.Relate(account, "technical_contact", access.User(person))
	if after > 0 {
		r.EndsAt = time.Now().Add(after).UTC().Truncate(time.Microsecond)
	}
	var write access.Write
	write.Touch(r)
	_, err := w.gateway.Write(w.t.Context(), write)
	require.NoError(w.t, err)
	return r
}

// ended awaits the deletions of these people's roles after a moment, and fails if
// others come before.
func (w *world) ended(after access.Token, people ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	missing := map[string]bool{}
	for _, person := range people {
		missing[person] = true
	}
	for change, err := range w.gateway.Watch(ctx, after) {
		require.NoError(w.t, err, "still there: %v", missing)
		for _, u := range change.Updates {
			if u.Verb != access.Delete {
				continue
			}
			require.True(w.t, missing[u.Relationship.Subject.ID], "%s was deleted, and should not", u.Relationship)
			assert.Equal(w.t, "role_ended", change.Cause.Operation)
			assert.Equal(w.t, access.System, change.Cause.Actor)
			delete(missing, u.Relationship.Subject.ID)
		}
		if len(missing) == 0 {
			return
		}
	}
}

func (w *world) head() access.Token {
	w.t.Helper()
	at, err := w.gateway.Head(w.t.Context())
	require.NoError(w.t, err)
	return at
}

func TestRolesAreDeletedAtTheirEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	begun := w.head()
	w.give("for-good", 0)
	w.give("much-later", time.Hour)
	w.give("later", 700*time.Millisecond)
	w.give("soon", 300*time.Millisecond)
	w.ended(begun, "soon", "later")
}

// TestEndsThatPassedUnseenAreSweptAtStart covers a server that was down, and one
// that never kept account.
func TestEndsThatPassedUnseenAreSweptAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("before", 300*time.Millisecond)
	stop := w.run()
	w.give("known", 400*time.Millisecond)
	begun := w.head()
	require.Eventually(t, func() bool {
		_, next, err := w.names.DueEnds(t.Context(), 10)
		return err == nil && !next.IsZero()
	}, 10*time.Second, time.Millisecond)
	stop()
	time.Sleep(500 * time.Millisecond) // the ends pass by SpiceDB's clock, which is real
	w.run()
	w.ended(begun, "before", "known")
}

func TestAnEndThatWasLiftedOrMovedSurvives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun := w.head()
	lifted, moved := w.give("lifted", time.Second), w.give("moved", time.Second)
	// The account still has the old ends when they pass.
	require.NoError(t, w.names.AddEnd(t.Context(), lifted, access.OfSubject(lifted.Subject.Object)))
	require.NoError(t, w.names.AddEnd(t.Context(), moved, access.OfSubject(moved.Subject.Object)))
	w.give("lifted", 0)
	w.give("moved", time.Hour)
	w.give("ends", 1500*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.ends.Run(ctx) })
	ends := access.Relate(account, "technical_contact", access.User("ends"))
	ends.EndsAt = time.Now().Add(1500 * time.Millisecond)
	require.NoError(t, w.names.AddEnd(t.Context(), ends, access.OfSubject(ends.Subject.Object)))
	require.NoError(t, w.ends.Handle(t.Context(), access.Change{Updates: []access.Update{{Verb: access.Touch, Relationship: moved}}}))
	w.ended(begun, "ends")
	cancel()
	running.Wait()
}
