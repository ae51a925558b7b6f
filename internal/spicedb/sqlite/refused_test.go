package sqlite_test

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// closed is a sound file with some data in it.
func closed(t *testing.T) string {
	t.Helper()
	path := file(t)
	d := open(t, path)
	for i := range 500 {
		mustWrite(t, d, touches(viewer(i))...)
	}
	require.NoError(t, d.Close())
	return path
}

func edit(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// TestRefusesFiles spoils a file in each way, and wants a sentence with the cure
// in it, and the file as it was.
func TestRefusesFiles(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"truncated": {func(t *testing.T, path string) {
			require.NoError(t, os.Truncate(path, 8192))
		}, "is damaged: restore it from a backup"},
		"corrupted": {func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			for page := 4096 * 4; page < len(b); page += 4096 {
				copy(b[page:], bytes.Repeat([]byte{0xA5}, 64))
			}
			require.NoError(t, os.WriteFile(path, b, 0o600))
		}, "is damaged: restore it from a backup"},
		"not a database": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("Dear diary, "), 1000), 0o600))
		}, "is not a SQLite database: name another file, or move this one away"},
		"foreign": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			edit(t, path, `CREATE TABLE diary (entry TEXT)`)
		}, "is a database of another program: name another file, or move this one away"},
		"newer": {func(t *testing.T, path string) {
			edit(t, path, `PRAGMA user_version = 7`)
		}, "has format 7 and this program reads up to 1: run the newer version that wrote it"},
		"no directory": {func(t *testing.T, path string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		}, "cannot be locked: make its directory exist and writable"},
	} {
		t.Run(name, func(t *testing.T) {
			path := closed(t)
			c.spoil(t, path)
			before, _ := os.ReadFile(path)
			_, err := sqlite.Open(t.Context(), path)
			require.ErrorContains(t, err, path+" "+c.says)
			after, _ := os.ReadFile(path)
			require.True(t, bytes.Equal(before, after), "the file is left alone")
		})
	}
}

func TestRefusesASecondHandle(t *testing.T) {
	path := file(t)
	first := open(t, path)
	_, err := sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, path+" is in use: another process has it open; stop that one first")

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childFile+"="+path)
	out, err := child.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "is in use")

	require.NoError(t, first.Close())
	open(t, path)
}
