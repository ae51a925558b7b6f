package directory_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

// world is what the directory sees of its surroundings.
type world struct {
	mu      sync.Mutex
	time    time.Time
	created map[access.Object]bool
	down    error
}

func newWorld() *world {
	return &world{time: time.Date(2026, 3, 29, 0, 59, 59, 123456000, time.UTC), created: map[access.Object]bool{}}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func (w *world) exists(_ context.Context, o access.Object) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.created[o], w.down
}

func (w *world) create(o access.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.created[o] = true
}

// onEach runs a test on a directory in a file and on Postgres.
func onEach(t *testing.T, test func(t *testing.T, d *directory.Directory, w *world)) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			test(t, open(t, path, w), w)
		})
	}
}

// databases are one of each kind, empty.
func databases(t *testing.T) map[string]string {
	return map[string]string{
		"file":     filepath.Join(t.TempDir(), "gatehouse.db"),
		"postgres": postgres.Database(t),
	}
}

func open(t *testing.T, path string, w *world) *directory.Directory {
	t.Helper()
	d, err := directory.New(t.Context(), openDatabase(t, path), w.now, w.exists)
	require.NoError(t, err)
	return d
}

// openDatabase opens one on Postgres, or the file that SpiceDB shares.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	if strings.HasPrefix(path, "postgres://") {
		db, err := database.Open(t.Context(), path)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		return db
	}
	engine, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	return engine.DB()
}

// parallel runs f a hundred times at once and returns what the runs gave.
func parallel[T any](t *testing.T, f func(run int) (T, error)) (results []T, errs []error) {
	t.Helper()
	const runs = 100
	results, errs = make([]T, runs), make([]error, runs)
	var wg sync.WaitGroup
	for run := range runs {
		wg.Go(func() { results[run], errs[run] = f(run) })
	}
	wg.Wait()
	return results, errs
}

func TestDirectoryOutlivesRestart(t *testing.T) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			var ann access.Person
			t.Run("before", func(t *testing.T) {
				var err error
				ann, err = open(t, path, w).EnsurePerson(t.Context(), "ann@example.com", "Ann", "Lee")
				require.NoError(t, err)
			})
			again, err := open(t, path, w).PersonByEmail(t.Context(), "ann@example.com")
			require.NoError(t, err)
			assert.Equal(t, ann, again)
		})
	}
}

func TestDriverErrorsStayInside(t *testing.T) {
	db, w := openDatabase(t, sqlite.InMemory), newWorld()
	d, err := directory.New(t.Context(), db, w.now, w.exists)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	ctx, ids := t.Context(), []string{"1"}
	for method, call := range map[string]func() error{
		"SignIn": func() error {
			_, err := d.SignIn(ctx, login("1", "ann@example.com"))
			return err
		},
		"EnsurePerson": func() error {
			_, err := d.EnsurePerson(ctx, "ann@example.com", "", "")
			return err
		},
		"PersonByEmail": func() error {
			_, err := d.PersonByEmail(ctx, "ann@example.com")
			return err
		},
		"PeopleByID": func() error {
			_, err := d.PeopleByID(ctx, ids)
			return err
		},
		"ChangeProfile": func() error {
			_, err := d.ChangeProfile(ctx, "1", access.ProfileChange{})
			return err
		},
		"ReserveObject": func() error {
			_, err := d.ReserveObject(ctx, account("acme", "1", ""))
			return err
		},
		"ReleaseObject": func() error { return d.ReleaseObject(ctx, "claim") },
		"ObjectsByID": func() error {
			_, err := d.ObjectsByID(ctx, []access.Object{{Type: "client", ID: "1"}})
			return err
		},
		"AddInvitation": func() error { return d.AddInvitation(ctx, access.InvitationProfile{}) },
		"InvitationsByID": func() error {
			_, err := d.InvitationsByID(ctx, ids)
			return err
		},
		"AddInvitationToken": func() error { return d.AddInvitationToken(ctx, "1", [32]byte{}) },
		"InvitationByToken": func() error {
			_, err := d.InvitationByToken(ctx, [32]byte{})
			return err
		},
		"Cursor": func() error {
			_, err := d.Cursor(ctx, "audit")
			return err
		},
		"SetCursor": func() error { return d.SetCursor(ctx, "audit", "1") },
		"Begin": func() error {
			_, err := d.Begin(ctx, "ann", "key", [32]byte{})
			return err
		},
		"Finish":  func() error { return d.Finish(ctx, "ann", "key", access.Reply{}) },
		"Abandon": func() error { return d.Abandon(ctx, "ann", "key") },
	} {
		t.Run(method, func(t *testing.T) {
			err := call()
			require.True(t, access.IsKind(err, access.Unavailable), "%v", err)
			var e *access.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "the directory cannot be reached, try again", e.Detail)
			assert.NotNil(t, e.Cause)
		})
	}
}
