package database_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

func TestInMemoryDatabasesArePrivate(t *testing.T) {
	for _, path := range []string{"", database.InMemory} {
		one, other := open(t, path), open(t, path)
		exec(t, one, `CREATE TABLE notes (note text)`)
		exec(t, other, `CREATE TABLE notes (note text)`)
	}
	assert.NoFileExists(t, database.InMemory)
}

func TestInMemoryDatabaseOutlivesCancelledWork(t *testing.T) {
	db := open(t, database.InMemory)
	exec(t, db, `CREATE TABLE notes (note text)`)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		_, err = tx.Exec(`INSERT INTO notes VALUES ('lost')`)
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = tx.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT count(*) FROM n`)
		})
		time.Sleep(5 * time.Millisecond)
		cancel()
		wg.Wait()
		_ = tx.Rollback()
	}
	assert.Zero(t, count(t, db))
}

func TestFilePersists(t *testing.T) {
	for _, name := range []string{"plain.db", "a b?c#d%20e&f=g'h.db", "ünï.db"} {
		path := filepath.Join(t.TempDir(), name)
		first, err := database.Open(t.Context(), path)
		require.NoError(t, err)
		exec(t, first, `CREATE TABLE notes (note text)`)
		exec(t, first, `INSERT INTO notes VALUES ('kept')`)
		require.NoError(t, first.Close())

		require.FileExists(t, path)
		assert.Equal(t, 1, count(t, open(t, path)))
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	exec(t, open(t, "relative.db"), `CREATE TABLE notes (note text)`)
	assert.FileExists(t, "relative.db")
}

func TestEveryConnectionIsSafe(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gatehouse.db"))
	for range 3 {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		} {
			var got string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			assert.Equal(t, want, got, pragma)
		}
	}
}

// A transaction that reads before it writes would fail at once, whatever the
// busy timeout, had another written in between.
func TestTransactionsWaitForEachOther(t *testing.T) {
	for name, path := range map[string]string{"memory": "", "file": filepath.Join(t.TempDir(), "gatehouse.db")} {
		t.Run(name, func(t *testing.T) {
			db := open(t, path)
			exec(t, db, `CREATE TABLE notes (note integer)`)
			exec(t, db, `INSERT INTO notes VALUES (0)`)
			increment := func() error {
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					return err
				}
				defer tx.Rollback()
				var n int
				if err := tx.QueryRow(`SELECT note FROM notes`).Scan(&n); err != nil {
					return err
				}
				if _, err := tx.Exec(`UPDATE notes SET note = $1`, n+1); err != nil {
					return err
				}
				return tx.Commit()
			}
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { assert.NoError(t, increment()) })
			}
			wg.Wait()
			var n int
			require.NoError(t, db.QueryRow(`SELECT note FROM notes`).Scan(&n))
			assert.Equal(t, 100, n)
		})
	}
}

func TestOpenFails(t *testing.T) {
	_, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "missing", "gatehouse.db"))
	require.Error(t, err)
	_, err = database.Open(t.Context(), t.TempDir())
	require.Error(t, err)
}

func TestMigrateOnceForEachOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		one := migration(`CREATE TABLE notes (note text); INSERT INTO notes VALUES ('one');`)
		other := migration(`INSERT INTO notes VALUES ('other');`)
		for range 2 {
			require.NoError(t, database.Migrate(t.Context(), db, "one", one))
			require.NoError(t, database.Migrate(t.Context(), db, "other", other))
		}
		assert.Equal(t, 2, count(t, db))
	})
}

func TestMigrateAllOrNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		require.Error(t, database.Migrate(t.Context(), db, "one", migration(`CREATE TABLE notes (note text); nonsense;`)))
		require.NoError(t, database.Migrate(t.Context(), db, "one", migration(`CREATE TABLE notes (note text);`)))
		require.Error(t, database.Migrate(t.Context(), db, "none", fstest.MapFS{}))
	})
}

func TestServersThatStartAtOnceMigrateOnce(t *testing.T) {
	url := postgres.Database(t)
	var wg sync.WaitGroup
	for range 5 {
		db := open(t, url)
		wg.Go(func() {
			assert.NoError(t, database.Migrate(t.Context(), db, "one", migration(`CREATE TABLE notes (note text); INSERT INTO notes VALUES ('one');`)))
		})
	}
	wg.Wait()
	assert.Equal(t, 1, count(t, open(t, url)))
}

func TestPasswordsStayInside(t *testing.T) {
	for _, url := range []string{
		"postgres://ann:secret@127.0.0.1:1/gatehouse",
		"postgres://ann:secret@127.0.0.1:port/gatehouse",
		"postgresql://ann:secret@127.0.0.1:1/gatehouse?sslmode=nonsense",
	} {
		_, err := database.Open(t.Context(), url)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// onEach runs a test on SQLite and on Postgres.
func onEach(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	for name, path := range map[string]string{
		"sqlite":   filepath.Join(t.TempDir(), "gatehouse.db"),
		"postgres": postgres.Database(t),
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, path)) })
	}
}

func migration(statements string) fstest.MapFS {
	return fstest.MapFS{"migrations/00001_test.sql": {Data: []byte("-- +goose Up\n" + statements)}}
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := database.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&n))
	return n
}
