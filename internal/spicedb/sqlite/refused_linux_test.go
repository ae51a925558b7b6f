package sqlite_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// TestRefusesWhatItMayNotWrite opens as a nobody, for permissions do not bind root.
func TestRefusesWhatItMayNotWrite(t *testing.T) {
	if os.Geteuid() == 0 {
		// The file system identity is the thread's own; the thread ends with the test.
		runtime.LockOSThread()
		require.NoError(t, syscall.Setfsuid(65534))
		t.Cleanup(func() { _ = syscall.Setfsuid(0) })
	}
	dir, err := os.MkdirTemp("", "gatehouse-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "data.db")
	d, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, d.Close())

	require.NoError(t, os.Chmod(path, 0o400))
	_, err = sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, path+" is read-only: make it and its directory writable for this user")
	require.NoError(t, os.Chmod(path, 0o600))

	require.NoError(t, os.Remove(path+".lock"))
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err = sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, path+" cannot be locked: make its directory exist and writable")
	require.NoError(t, os.Chmod(dir, 0o700))
}
