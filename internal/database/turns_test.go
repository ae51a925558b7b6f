package database_test

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/database"
)

// TestOneAtATimeInTurn has several wait for one that does something: when its
// session ends, one of the others takes over, and it learns of it.
func TestOneAtATimeInTurn(t *testing.T) {
	url := postgres.Database(t)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	var busy, most atomic.Int32
	began := make(chan int, 10)
	ended := make(chan int, 10)
	for n := range 3 {
		db := open(t, url)
		running.Go(func() {
			database.InTurn(ctx, db, "test", slog.New(slog.DiscardHandler), func(ctx context.Context) {
				most.Store(max(most.Load(), busy.Add(1)))
				began <- n
				<-ctx.Done()
				busy.Add(-1)
				ended <- n
			})
		})
	}
	watcher := open(t, url)
	first := <-began
	time.Sleep(2500 * time.Millisecond) // the others have looked more than once
	assert.Empty(t, began)
	assert.EqualValues(t, 1, most.Load())

	var killed bool
	require.NoError(t, watcher.QueryRowContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&killed))
	require.True(t, killed)
	for name, heard := range map[string]chan int{"somebody takes over": began, "the first hears of it": ended} {
		select {
		case who := <-heard:
			assert.True(t, heard == began || who == first, name)
		case <-time.After(10 * time.Second):
			t.Fatal(name)
		}
	}

	stop()
	running.Wait()
	require.Eventually(t, func() bool { return locks(t, watcher) == 0 }, 10*time.Second, 10*time.Millisecond, "no lock is left on a connection for others")
}

func TestALockIsHeldUntilItIsReleased(t *testing.T) {
	url := postgres.Database(t)
	db, other := open(t, url), open(t, url)
	release, err := database.Lock(t.Context(), db, "test")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = database.Lock(ctx, other, "test")
	require.Error(t, err)
	releaseOther, err := database.Lock(t.Context(), other, "another")
	require.NoError(t, err)
	releaseOther()

	release()
	release, err = database.Lock(t.Context(), other, "test")
	require.NoError(t, err)
	release()
}

func locks(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n))
	return n
}
