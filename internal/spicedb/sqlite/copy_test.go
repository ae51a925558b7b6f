package sqlite_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// TestCopyIsOneMomentOfALiveFile copies while a writer adds relationships in pairs.
// A copy that has one of a pair, or misses what was acknowledged before it began, is
// not of one moment.
func TestCopyIsOneMomentOfALiveFile(t *testing.T) {
	path := file(t)
	d := open(t, path)
	ctx, stop := context.WithCancel(t.Context())
	acknowledged := make(chan int, 1)
	acknowledged <- 0
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ctx.Err() == nil; i += 2 {
			if _, err := write(t.Context(), d, touches(viewer(i), viewer(i+1))...); !assert.NoError(t, err) {
				return
			}
			<-acknowledged
			acknowledged <- i + 2
		}
	})
	for range 5 {
		before := <-acknowledged
		acknowledged <- before
		to := filepath.Join(t.TempDir(), "copy.db")
		size, err := sqlite.Copy(t.Context(), path, to, quietly)
		require.NoError(t, err)

		info, err := os.Stat(to)
		require.NoError(t, err)
		require.Equal(t, size, info.Size())
		require.Equal(t, fs.FileMode(0o600), info.Mode(), "a copy tells of people")
		c := open(t, to)
		head, err := c.HeadRevision(t.Context())
		require.NoError(t, err)
		found := mustRead(t, c, head.Revision)
		require.Zero(t, len(found)%2, "a write as a whole")
		require.GreaterOrEqual(t, len(found), before, "every acknowledged write")
		id, err := c.UniqueID(t.Context())
		require.NoError(t, err)
		own, err := d.UniqueID(t.Context())
		require.NoError(t, err)
		require.Equal(t, own, id, "tokens stay valid")
	}
	stop()
	writer.Wait()
}

func quietly(int64) {}

func TestCopyRefuses(t *testing.T) {
	path := closed(t)
	dir := t.TempDir()
	to := filepath.Join(dir, "copy.db")
	refused := func(ctx context.Context, from, to string) error {
		_, err := sqlite.Copy(ctx, from, to, quietly)
		return err
	}
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}

	require.ErrorIs(t, refused(t.Context(), filepath.Join(dir, "missing.db"), to), fs.ErrNotExist)
	require.NoFileExists(t, filepath.Join(dir, "missing.db"))
	require.ErrorContains(t, refused(t.Context(), put("empty.db", ""), to), "is empty")
	require.ErrorContains(t, refused(t.Context(), put("diary.txt", "Dear diary, today nothing happened at all, once more."), to), "is not a SQLite database")
	require.ErrorContains(t, refused(t.Context(), path, filepath.Join(dir, "no", "where.db")), "no such file or directory")

	log := put("copy.db-wal", "")
	require.ErrorContains(t, refused(t.Context(), path, to), log+" is in the way: move it away first")
	require.NoError(t, os.Remove(log))

	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, refused(ended, path, to), context.Canceled)

	put("copy.db", "mine")
	require.ErrorContains(t, refused(t.Context(), path, to), to+" is in the way")
	kept, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))

	left, err := filepath.Glob(filepath.Join(dir, "*.part-*"))
	require.NoError(t, err)
	require.Empty(t, left, "no part of a copy is left behind")
}

// TestRefusesALogWithoutItsFile guards against making a new file beside the log of
// a lost one: SQLite would throw the log away.
func TestRefusesALogWithoutItsFile(t *testing.T) {
	path := file(t)
	require.NoError(t, os.WriteFile(path+"-wal", []byte("all that is left"), 0o600))
	_, err := sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, path+"-wal is in the way: move it away first")
	require.NoFileExists(t, path)
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	path := file(t)
	mustWrite(t, open(t, path), touches(viewer(1))...)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), name)
	}
}
