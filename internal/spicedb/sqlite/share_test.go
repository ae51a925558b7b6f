package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// TestSharedFileWritesInTurn has two families of tables written at once: nobody
// is told that the database is locked, and both are there after a reopening.
func TestSharedFileWritesInTurn(t *testing.T) {
	path := file(t)
	d := open(t, path, sqlite.SynchronousNormal())
	db := d.DB()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE person (name TEXT PRIMARY KEY)`)
	require.NoError(t, err)
	const n, writers = 200, 4
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for i := range n {
				if _, err := write(t.Context(), d, touches(viewer(w*n+i))...); err != nil {
					t.Error(err)
				}
			}
		})
		running.Go(func() {
			for i := range n {
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := tx.ExecContext(t.Context(), `INSERT INTO person (name) VALUES (?)`, fmt.Sprint(w, "/", i)); err != nil {
					t.Error(err)
				}
				end := tx.Commit
				if i%10 == 0 {
					end = tx.Rollback
				}
				if err := end(); err != nil {
					t.Error(err)
				}
				if _, err := db.ExecContext(t.Context(), `UPDATE person SET name = name || '!' WHERE name = ?`, fmt.Sprint(w, "/", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	_, err = db.ExecContext(t.Context(), `INSERT INTO person (name) VALUES ('twice'), ('twice')`)
	require.Error(t, err)
	require.NoError(t, d.Close())

	d = open(t, path)
	require.Equal(t, writers*n*9/10, rows(t, d, "person"))
	require.Len(t, mustRead(t, d, newest(t, d)), writers*n)
}

// A transaction that reads before it writes would fail at once, whatever the busy
// timeout, had another written in between.
func TestSharedTransactionsWaitForEachOther(t *testing.T) {
	db := open(t, file(t), sqlite.SynchronousNormal()).DB()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)`)
	require.NoError(t, err)
	increment := func() error {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var n int
		if err := tx.QueryRow(`SELECT n FROM counter`).Scan(&n); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE counter SET n = $1`, n+1); err != nil {
			return err
		}
		return tx.Commit()
	}
	var running sync.WaitGroup
	for range 100 {
		running.Go(func() { assert.NoError(t, increment()) })
	}
	running.Wait()
	var n int
	require.NoError(t, db.QueryRow(`SELECT n FROM counter`).Scan(&n))
	require.Equal(t, 100, n)
}

// TestCancelledWorkGivesUpItsTurn cancels transactions in the middle of a
// statement. Nothing of them stays, and nobody has to wait for them.
func TestCancelledWorkGivesUpItsTurn(t *testing.T) {
	d := open(t, file(t))
	db := d.DB()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE person (name TEXT)`)
	require.NoError(t, err)
	for n := range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		_, err = tx.Exec(`INSERT INTO person VALUES ('lost')`)
		require.NoError(t, err)
		time.AfterFunc(5*time.Millisecond, cancel)
		_, err = tx.ExecContext(ctx, `INSERT INTO person WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n`)
		require.ErrorIs(t, err, context.Canceled)
		_ = tx.Rollback() // database/sql may have been faster

		mustWrite(t, d, touches(viewer(n))...)
	}
	require.Zero(t, rows(t, d, "person"))
}

func TestSharedConnectionsAreSafe(t *testing.T) {
	db := open(t, file(t)).DB()
	for range 3 {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		} {
			var got string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, pragma)
		}
	}
}
