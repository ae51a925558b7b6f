package integration

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// spoiled are the ways in which a file is not what a server keeps its data in, with
// what is said of each behind its name.
var spoiled = map[string]struct {
	spoil func(t *testing.T, path string)
	says  string
}{
	"truncated": {func(t *testing.T, path string) {
		require.NoError(t, os.Truncate(path, 2*pageSize))
	}, "is damaged: restore it from a backup"},
	"cut off within its last page": {func(t *testing.T, path string) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()-pageSize/2))
	}, "is damaged: restore it from a backup"},
	"with holes": {func(t *testing.T, path string) {
		content := readFile(t, path)
		for page := 4 * pageSize; page < len(content); page += pageSize {
			clear(content[page+pageSize-256 : page+pageSize])
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}, "is damaged: restore it from a backup"},
	"corrupted": {func(t *testing.T, path string) {
		content := readFile(t, path)
		for page := 4 * pageSize; page < len(content); page += pageSize {
			copy(content[page:], bytes.Repeat([]byte{0xa5}, 64))
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}, "is damaged: restore it from a backup"},
	"with a hole in one table": {func(t *testing.T, path string) {
		content, page := readFile(t, path), rootPage(t, path, "people")
		clear(content[page*pageSize-100 : page*pageSize])
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}, "is damaged: restore it from a backup"},
	"without its head": {func(t *testing.T, path string) {
		content := readFile(t, path)
		clear(content[:pageSize])
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}, "is not a SQLite database: name another file, or move this one away"},
	"not a database": {func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("Dear diary, "), 1000), 0o600))
	}, "is not a SQLite database: name another file, or move this one away"},
	"of another program": {func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
		edit(t, path, `CREATE TABLE diary (entry TEXT)`)
	}, "is a database of another program: name another file, or move this one away"},
	"of another program that names itself": {func(t *testing.T, path string) {
		edit(t, path, `PRAGMA application_id = 7`)
	}, "is a database of another program: name another file, or move this one away"},
	"of a newer program": {func(t *testing.T, path string) {
		edit(t, path, `PRAGMA user_version = 7`)
	}, "has format 7 and this program reads up to 1: run the newer version that wrote it"},
}

const pageSize = 4096 // of SQLite

func edit(t *testing.T, path, statement string) {
	t.Helper()

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// rootPage is the number of the page that a table begins on.
func rootPage(t *testing.T, path, table string) (page int) {
	t.Helper()

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE name = ?`, table).Scan(&page))
	require.NoError(t, db.Close())
	return page
}

// soundData is the file of a server that has stopped.
func soundData(t *testing.T) []byte {
	t.Helper()

	s := start(t)
	build(t, s, "sound")
	require.NoError(t, s.stop())
	return readFile(t, filepath.Join(s.dataDir, "gatehouse.db"))
}

// TestForeignDataIsLeftAlone does not start on data that is not a server's, or not
// whole, and changes nothing of it: it may be all that is left.
func TestForeignDataIsLeftAlone(t *testing.T) {
	t.Parallel()
	sound := soundData(t)

	for name, c := range spoiled {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "gatehouse.db")
			require.NoError(t, os.WriteFile(file, sound, 0o600))
			c.spoil(t, file)
			before := readFile(t, file)

			said := refuses(t, "", nil, "--dev", "--data-dir", dir, "--http-addr", "127.0.0.1:0", "--grpc-addr", "")
			inOneLine(t, said, file+" "+c.says)
			assert.True(t, bytes.Equal(before, readFile(t, file)), "byte for byte as before")
			assert.NotContains(t, names(t, dir), "gatehouse.db-wal")
		})
	}
}

// TestDataIsForOneServer refuses a second one, and leaves the first alone.
func TestDataIsForOneServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "first")
	file := filepath.Join(s.dataDir, "gatehouse.db")
	before, relationships := readFile(t, file), s.relationships(t)

	said := refuses(t, "", nil, "--dev", "--data-dir", s.dataDir, "--http-addr", "127.0.0.1:0", "--grpc-addr", "")
	inOneLine(t, said, file+" is in use: another process has it open; stop that one first")
	assert.True(t, bytes.Equal(before, readFile(t, file)), "byte for byte as before")
	assert.Equal(t, relationships, s.relationships(t))
	w.add(t, "project", w.email("mia"), "project_member")
}
