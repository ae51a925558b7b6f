package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/datalayer"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// TestReopenKeepsEverything closes a file in the middle of its life and goes on
// with it: data, schema, identity, tokens, and a watch from where it was.
func TestReopenKeepsEverything(t *testing.T) {
	ctx, path := t.Context(), file(t)
	d := open(t, path)
	id, err := d.UniqueID(ctx)
	require.NoError(t, err)
	beginning := newest(t, d)

	_, err = d.ReadWriteTx(ctx, func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		if err := tx.LegacyWriteNamespaces(ctx, &core.NamespaceDefinition{Name: "document"}); err != nil {
			return err
		}
		_, _, err := datalayer.WriteSchemaViaStoredSchema(ctx, tx, []datastore.SchemaDefinition{&core.NamespaceDefinition{Name: "document"}}, "definition document {}")
		return err
	})
	require.NoError(t, err)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	rich := tuple.MustParse(`document:rich#viewer@group:eng#member[limited:{"n": 42}]`)
	rich.OptionalExpiration = &until
	early := mustWrite(t, d, touches(viewer(1), rich)...)
	metadata, err := structpb.NewStruct(map[string]any{"operation": "o1"})
	require.NoError(t, err)
	late, err := d.ReadWriteTx(ctx, func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		return tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Delete(viewer(1)), tuple.Touch(viewer(2))})
	}, options.WithMetadata(metadata))
	require.NoError(t, err)
	before, err := d.HeadRevision(ctx)
	require.NoError(t, err)
	require.NoError(t, d.Close())

	d = open(t, path)
	again, err := d.UniqueID(ctx)
	require.NoError(t, err)
	require.Equal(t, id, again)
	after, err := d.HeadRevision(ctx)
	require.NoError(t, err)
	require.Equal(t, before, after, "revision and schema hash")
	require.NotEmpty(t, after.SchemaHash)

	token, err := d.RevisionFromString(early.String())
	require.NoError(t, err)
	require.NoError(t, d.CheckRevision(ctx, token))
	require.Equal(t, texts([]tuple.Relationship{viewer(1), rich}), mustRead(t, d, token))
	require.Equal(t, texts([]tuple.Relationship{viewer(2), rich}), mustRead(t, d, late))
	_, _, err = d.SnapshotReader(token).LegacyReadNamespaceByName(ctx, "document")
	require.NoError(t, err)
	_, err = d.SnapshotReader(token).ReadStoredSchema(ctx)
	require.NoError(t, err)
	_, err = d.SnapshotReader(beginning).ReadStoredSchema(ctx)
	require.ErrorIs(t, err, datastore.ErrSchemaNotFound)

	changes, errs := d.Watch(ctx, token, datastore.WatchOptions{Content: datastore.WatchRelationships | datastore.WatchCheckpoints})
	told := <-changes
	require.True(t, late.Equal(told.Revision))
	require.ElementsMatch(t, []tuple.RelationshipUpdate{tuple.Delete(viewer(1)), tuple.Touch(viewer(2))}, told.RelationshipChanges)
	require.Equal(t, "o1", told.Metadatas[0].AsMap()["operation"])
	require.True(t, (<-changes).IsCheckpoint)
	next := mustWrite(t, d, touches(viewer(3))...)
	require.True(t, next.GreaterThan(late))
	require.True(t, next.Equal((<-changes).Revision))
	require.Empty(t, errs)

	_, errs = d.Watch(ctx, sqlite.Revision(99), datastore.WatchJustRelationships())
	require.ErrorAs(t, <-errs, &datastore.InvalidRevisionError{}, "a cursor from elsewhere")
	_, err = read(ctx, d, sqlite.Revision(99))
	require.ErrorAs(t, err, &datastore.InvalidRevisionError{})
}

func TestAnyNameWillDo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"relative.db", "a b?c#d%20e&f=g'h.db", "ünï.db", filepath.Join(t.TempDir(), "absolute.db")} {
		d := open(t, path)
		at := mustWrite(t, d, touches(viewer(1))...)
		require.NoError(t, d.Close())
		require.FileExists(t, path)
		require.Len(t, mustRead(t, open(t, path), at), 1)
	}
}
