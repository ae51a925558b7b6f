package database_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

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
		"postgres://ann@127.0.0.1:1/gatehouse?password=secret&sslmode=nonsense",
	} {
		_, err := database.Open(t.Context(), url)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// onEach runs a test on SQLite, in the file that SpiceDB shares, and on Postgres.
func onEach(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, engine.Close()) })
		test(t, engine.DB())
	})
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgres.Database(t))) })
}

func migration(statements string) fstest.MapFS {
	return fstest.MapFS{"migrations/00001_test.sql": {Data: []byte("-- +goose Up\n" + statements)}}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&n))
	return n
}
