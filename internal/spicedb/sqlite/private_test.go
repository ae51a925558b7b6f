package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

func TestPrivateDatabasesLeaveNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	one, other := open(t, ""), open(t, sqlite.InMemory)
	at := mustWrite(t, one, touches(viewer(1))...)
	require.Len(t, mustRead(t, one, at), 1)
	require.Empty(t, mustRead(t, other, newest(t, other)))
	require.NoError(t, one.Close())
	require.NoError(t, other.Close())
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestPrivateDatabasesOfTheKilledAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left := filepath.Join(os.TempDir(), "gatehouse-private-1")
	require.NoError(t, os.Mkdir(left, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "private.db"), []byte("people"), 0o600))
	alive := open(t, "")
	age := func() {
		dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "gatehouse-private-*"))
		require.NoError(t, err)
		for _, dir := range dirs {
			require.NoError(t, os.Chtimes(dir, time.Time{}, time.Now().Add(-time.Hour)))
		}
	}

	require.DirExists(t, left, "it may only just have been made")
	age()
	open(t, "")
	require.NoDirExists(t, left)
	mustWrite(t, alive, touches(viewer(1))...)
	require.Len(t, mustRead(t, alive, newest(t, alive)), 1, "what is in use is left alone")
}
