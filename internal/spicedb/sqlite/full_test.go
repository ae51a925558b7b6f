package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"
)

// TestFullDiskLosesNothing lets the file grow no further. A transaction whose
// function does not look at errors must not be committed in parts.
func TestFullDiskLosesNothing(t *testing.T) {
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "data.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	_, err = d.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 60`)
	require.NoError(t, err)

	var acknowledged datastore.Revision
	n := 0
	for ; err == nil; n++ {
		var r datastore.Revision
		r, err = d.ReadWriteTx(t.Context(), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
			for i := range 20 {
				_ = tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Touch(tuple.MustParse(fmt.Sprintf("document:d%d#viewer@user:u%d", n, i)))})
			}
			return nil
		})
		if err == nil {
			acknowledged = r
		}
	}
	require.ErrorContains(t, err, "full")
	require.Greater(t, n, 5)

	newest, err := d.HeadRevision(t.Context())
	require.NoError(t, err)
	require.Equal(t, acknowledged, newest.Revision)
	found, err := d.SnapshotReader(newest.Revision).QueryRelationships(t.Context(), datastore.RelationshipsFilter{OptionalResourceType: "document"})
	require.NoError(t, err)
	all, err := datastore.IteratorToSlice(found)
	require.NoError(t, err)
	require.Len(t, all, 20*(n-1))

	_, err = d.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`)
	require.NoError(t, err)
	_, err = d.ReadWriteTx(t.Context(), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		return tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Touch(tuple.MustParse("document:d#viewer@user:u"))})
	})
	require.NoError(t, err, "with room again, it goes on")
}
