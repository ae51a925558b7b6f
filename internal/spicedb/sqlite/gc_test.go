package sqlite_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

func rows(t testing.TB, d *sqlite.Datastore, table string) (n int) {
	t.Helper()
	require.NoError(t, d.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

func collect(t testing.TB, d *sqlite.Datastore, window time.Duration) {
	t.Helper()
	require.NoError(t, datastore.RunGarbageCollection(t.Context(), d, window))
}

func TestCollectionDeletesWhatNobodyCanSee(t *testing.T) {
	d := open(t, file(t), sqlite.RevisionQuantization(0), sqlite.GCWindow(time.Hour), sqlite.GCInterval(0))
	ended := viewer(9)
	at := time.Now().Add(-2 * time.Hour)
	ended.OptionalExpiration = &at
	first := mustWrite(t, d, touches(viewer(1), viewer(2), ended)...)
	for range 5 {
		mustWrite(t, d, tuple.Delete(viewer(1)))
		mustWrite(t, d, touches(viewer(1))...)
	}
	last := newest(t, d)

	collect(t, d, time.Hour)
	require.Equal(t, 7, rows(t, d, "spicedb_relationship"), "only the expired row has left the window")
	require.Equal(t, texts([]tuple.Relationship{viewer(1), viewer(2)}), mustRead(t, d, first))

	collect(t, d, 0)
	require.Equal(t, 2, rows(t, d, "spicedb_relationship"))
	require.Equal(t, 0, rows(t, d, "spicedb_change"))
	require.Equal(t, 1, rows(t, d, "spicedb_revision"))
	require.Equal(t, texts([]tuple.Relationship{viewer(1), viewer(2)}), mustRead(t, d, last))

	stale := datastore.InvalidRevisionError{}
	_, err := read(t.Context(), d, first)
	require.ErrorAs(t, err, &stale)
	require.Equal(t, datastore.RevisionStale, stale.Reason())
	_, errs := d.Watch(t.Context(), first, datastore.WatchJustRelationships())
	require.ErrorAs(t, <-errs, &stale, "a cursor whose successors are gone")
	require.Equal(t, datastore.RevisionStale, stale.Reason())

	changes, _ := d.Watch(t.Context(), last, datastore.WatchJustRelationships())
	next := mustWrite(t, d, touches(viewer(3))...)
	require.True(t, next.Equal((<-changes).Revision), "a cursor at the last collected revision misses nothing")
	mustWrite(t, d, tuple.Create(ended)) // the row is gone
}

// TestReadsStayExactWhileCollecting compares reads at old revisions with what was
// written, while collector and writer are at work. A read may fail as stale, but
// must not be wrong.
func TestReadsStayExactWhileCollecting(t *testing.T) {
	d := open(t, file(t), sqlite.RevisionQuantization(0), sqlite.GCInterval(0), sqlite.SynchronousNormal())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()

	type snapshot struct {
		at   datastore.Revision
		want []string
	}
	var mu sync.Mutex
	var recent []snapshot
	var running sync.WaitGroup
	running.Go(func() {
		present := map[int]bool{}
		for ctx.Err() == nil {
			var updates []tuple.RelationshipUpdate
			for range 1 + rand.IntN(20) {
				n := rand.IntN(50)
				update := tuple.Touch(viewer(n))
				if present[n] {
					update = tuple.Delete(viewer(n))
				}
				present[n] = !present[n]
				updates = append(updates, update)
			}
			r, err := write(t.Context(), d, updates...)
			if err != nil {
				t.Error(err)
				return
			}
			var want []tuple.Relationship
			for n, is := range present {
				if is {
					want = append(want, viewer(n))
				}
			}
			mu.Lock()
			if recent = append(recent, snapshot{r, texts(want)}); len(recent) > 30 {
				recent = recent[1:]
			}
			mu.Unlock()
		}
	})
	running.Go(func() {
		for ctx.Err() == nil {
			if err := datastore.RunGarbageCollection(t.Context(), d, 10*time.Millisecond); err != nil {
				t.Error(err)
			}
		}
	})
	exact, stale := 0, 0
	for ctx.Err() == nil {
		mu.Lock()
		if len(recent) == 0 {
			mu.Unlock()
			continue
		}
		s := recent[rand.IntN(len(recent))]
		mu.Unlock()
		got, err := read(t.Context(), d, s.at)
		if err != nil {
			require.ErrorAs(t, err, &datastore.InvalidRevisionError{})
			stale++
			continue
		}
		require.Equal(t, s.want, got)
		exact++
	}
	running.Wait()
	t.Logf("%d reads exact, %d stale", exact, stale)
	require.Greater(t, exact, 100)
	require.Positive(t, stale)
	collect(t, d, 0)
	require.Len(t, mustRead(t, d, newest(t, d)), rows(t, d, "spicedb_relationship"), "no dead row is left behind")
}
