package sqlite_test

import (
	"fmt"
	"sync"
	"testing"

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
