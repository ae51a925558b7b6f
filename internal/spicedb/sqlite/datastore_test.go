package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

func open(t testing.TB, path string, opts ...sqlite.Option) *sqlite.Datastore {
	t.Helper()
	d, err := sqlite.Open(t.Context(), path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "data.db") }

// viewer is relationship number n; all of them are of one document in ten.
func viewer(n int) tuple.Relationship {
	return tuple.MustParse(fmt.Sprintf("document:doc%d#viewer@user:u%d", n%10, n))
}

func touches(relationships ...tuple.Relationship) []tuple.RelationshipUpdate {
	updates := make([]tuple.RelationshipUpdate, len(relationships))
	for i, r := range relationships {
		updates[i] = tuple.Touch(r)
	}
	return updates
}

func write(ctx context.Context, d datastore.Datastore, updates ...tuple.RelationshipUpdate) (datastore.Revision, error) {
	return d.ReadWriteTx(ctx, func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		return tx.WriteRelationships(ctx, updates)
	})
}

func mustWrite(t testing.TB, d datastore.Datastore, updates ...tuple.RelationshipUpdate) datastore.Revision {
	t.Helper()
	r, err := write(t.Context(), d, updates...)
	require.NoError(t, err)
	return r
}

func read(ctx context.Context, d *sqlite.Datastore, at datastore.Revision) ([]string, error) {
	found, err := d.SnapshotReader(at).QueryRelationships(ctx, datastore.RelationshipsFilter{OptionalResourceType: "document"}, options.WithSort(options.ByResource))
	if err != nil {
		return nil, err
	}
	relationships, err := datastore.IteratorToSlice(found)
	return texts(relationships), err
}

func texts(relationships []tuple.Relationship) []string {
	all := make([]string, len(relationships))
	for i, r := range relationships {
		all[i] = tuple.MustString(r)
	}
	slices.Sort(all)
	return all
}

func mustRead(t testing.TB, d *sqlite.Datastore, at datastore.Revision) []string {
	t.Helper()
	all, err := read(t.Context(), d, at)
	require.NoError(t, err)
	return all
}

func newest(t testing.TB, d *sqlite.Datastore) datastore.Revision {
	t.Helper()
	r, err := d.HeadRevision(t.Context())
	require.NoError(t, err)
	return r.Revision
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())

	d, err := sqlite.Open(t.Context(), file(t))
	require.NoError(t, err)
	at := mustWrite(t, d, touches(viewer(1))...)
	// Nobody reads from this watch nor cancels it.
	_, errs := d.Watch(context.WithoutCancel(t.Context()), at, datastore.WatchJustRelationships())
	mustRead(t, d, at)
	require.NoError(t, d.DB().PingContext(t.Context()))
	require.NoError(t, d.Close())
	require.NoError(t, d.Close(), "a second Close does nothing")
	require.ErrorIs(t, <-errs, sqlite.ErrClosed)

	_, err = read(t.Context(), d, at)
	require.ErrorIs(t, err, sqlite.ErrClosed)
	_, err = write(t.Context(), d, touches(viewer(2))...)
	require.ErrorIs(t, err, sqlite.ErrClosed)
	_, errs = d.Watch(t.Context(), at, datastore.WatchJustRelationships())
	require.ErrorIs(t, <-errs, sqlite.ErrClosed)
}

func TestInMemoryIsPrivate(t *testing.T) {
	a, b := open(t, ""), open(t, sqlite.InMemory)
	mustWrite(t, a, touches(viewer(1))...)
	require.Len(t, mustRead(t, a, newest(t, a)), 1)
	require.Empty(t, mustRead(t, b, newest(t, b)))
}

func TestCancelledCallersGetTheirTurnBack(t *testing.T) {
	d := open(t, file(t))
	holding, release := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = d.ReadWriteTx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
			err := tx.WriteRelationships(ctx, touches(viewer(1)))
			close(holding)
			<-release
			return err
		})
	}()
	<-holding
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := write(ctx, d, touches(viewer(2))...)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)

	mustWrite(t, d, touches(viewer(3))...)
	require.Equal(t, texts([]tuple.Relationship{viewer(1), viewer(3)}), mustRead(t, d, newest(t, d)))

	ctx, cancel = context.WithCancel(t.Context())
	_, err = d.ReadWriteTx(ctx, func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		err := tx.WriteRelationships(ctx, touches(viewer(4)))
		cancel()
		return err
	})
	require.ErrorIs(t, err, context.Canceled, "what was not acknowledged is not committed")
	require.Len(t, mustRead(t, d, newest(t, d)), 2)
}

// TestManyLongReadsCannotStarveEachOther has more consumers than slots, each of
// which reads on before it has read to the end.
func TestManyLongReadsCannotStarveEachOther(t *testing.T) {
	d := open(t, file(t))
	const n = 1200 // more than is read before the first is handed out
	all := make([]tuple.Relationship, n)
	for i := range all {
		all[i] = viewer(i)
	}
	at := mustWrite(t, d, touches(all...)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error)
	const consumers = 40
	for range consumers {
		go func() {
			done <- func() error {
				found, err := d.SnapshotReader(at).QueryRelationships(ctx, datastore.RelationshipsFilter{OptionalResourceType: "document"})
				if err != nil {
					return err
				}
				count := 0
				for _, err := range found {
					if err != nil {
						return err
					}
					if count++; count == n-100 {
						if _, err := read(ctx, d, at); err != nil {
							return err
						}
					}
				}
				if count != n {
					return fmt.Errorf("read %d of %d", count, n)
				}
				return nil
			}()
		}()
	}
	for range consumers {
		require.NoError(t, <-done)
	}
}

// TestExpiryIsAlwaysHeeded guards against SpiceDB asking to skip the filter where
// only one kind of subject cannot expire.
func TestExpiryIsAlwaysHeeded(t *testing.T) {
	d := open(t, file(t))
	ended := viewer(1)
	at := time.Now().Add(-time.Second)
	ended.OptionalExpiration = &at
	r := mustWrite(t, d, touches(ended, viewer(2))...)
	found, err := d.SnapshotReader(r).QueryRelationships(t.Context(), datastore.RelationshipsFilter{OptionalResourceType: "document"}, options.WithSkipExpiration(true))
	require.NoError(t, err)
	relationships, err := datastore.IteratorToSlice(found)
	require.NoError(t, err)
	require.Equal(t, texts([]tuple.Relationship{viewer(2)}), texts(relationships))
}
