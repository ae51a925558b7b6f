package spicedb_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// TestForkRefusesTokensOfTheOther goes on from a kept token, issued anew, to what
// was written after it, and refuses the token itself.
func TestForkRefusesTokensOfTheOther(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "gatehouse.db")
	run := func(do func(*spicedb.Server, *relationships.Gateway)) {
		engine, err := spicedb.Start(ctx, spicedb.Config{Path: path})
		require.NoError(t, err)
		defer func() { require.NoError(t, engine.Close()) }()
		do(engine, relationships.New(engine.Conn(), engine.Head))
	}
	var cursor, moved access.Token
	project := access.Object{Type: access.TypeProject, ID: "p"}
	run(func(engine *spicedb.Server, gateway *relationships.Gateway) {
		require.NoError(t, gateway.ApplySchema(ctx, schema.Text))
		var err error
		cursor, err = engine.Head(ctx)
		require.NoError(t, err)
		var w access.Write
		w.Touch(access.Relate(project, "member", access.User("ann")))
		_, err = gateway.Write(ctx, w)
		require.NoError(t, err)
	})
	require.NoError(t, spicedb.Fork(ctx, path, func(_ context.Context, _ *sql.DB, anew func(access.Token) (access.Token, error)) (err error) {
		_, err = anew("no token")
		require.Error(t, err)
		moved, err = anew(cursor)
		return err
	}))
	run(func(engine *spicedb.Server, gateway *relationships.Gateway) {
		assert.True(t, access.HasCode(engine.Covers(ctx, cursor), "foreign_token"))
		assert.NoError(t, engine.Covers(ctx, moved))
		for _, err := range gateway.Watch(ctx, cursor) {
			require.Error(t, err)
			break
		}
		for change, err := range gateway.Watch(ctx, moved) {
			require.NoError(t, err)
			require.Equal(t, project, change.Updates[0].Relationship.Resource)
			break
		}
	})
}
