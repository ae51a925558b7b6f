package relationships_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
	"github.com/gatehouse/gatehouse/schema"
)

// changes follows until so many changes with updates have come.
func changes(t *testing.T, g *relationships.Gateway, after access.Token, count int) []access.Change {
	t.Helper()
	var found []access.Change
	for change, err := range g.Watch(t.Context(), after) {
		require.NoError(t, err)
		if len(change.Updates) > 0 {
			found = append(found, change)
		}
		if len(found) == count {
			break
		}
	}
	return found
}

// TestWatchTellsWhatWasWrittenAndWhy, from any moment on.
func TestWatchTellsWhatWasWrittenAndWhy(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	beginning, err := g.Head(t.Context())
	require.NoError(t, err)
	ending := member("apollo", "bob")
	ending.EndsAt = time.Date(2100, time.June, 30, 22, 0, 0, 0, time.UTC)
	var written []access.Write
	for _, w := range []access.Write{
		{
			Updates: touching(admin("apollo", "ann")).Updates,
			Cause:   access.Cause{Operation: "add", Actor: access.User("pete"), Reason: "Ärger: \"vorbei\"\n", RequestID: "request-1", From: "2001:db8::1", At: time.Date(2026, time.March, 29, 0, 59, 59, 123456000, time.UTC)},
		},
		{Updates: touching(ending).Updates, Cause: access.Cause{Operation: "invite", Actor: access.System}},
		{
			Updates: append(deleting(admin("apollo", "ann")).Updates, touching(member("apollo", "ann")).Updates...),
			Cause:   access.Cause{Operation: "end_role", Actor: access.User("pete")},
		},
	} {
		_, err := g.Write(t.Context(), w)
		require.NoError(t, err)
		written = append(written, w)
	}

	all := changes(t, g, beginning, len(written))
	for n, change := range all {
		assert.ElementsMatch(t, written[n].Updates, change.Updates)
		assert.Equal(t, written[n].Cause, change.Cause)
		assert.NotEmpty(t, change.At)
	}
	for n := range all[:len(all)-1] {
		assert.Equal(t, all[n+1:], changes(t, g, all[n].At, len(all)-n-1), "resumed after change %d", n)
	}
}

// TestWatchMovesOnInQuietTimes, so that a follower need not go back to its last
// change.
func TestWatchMovesOnInQuietTimes(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	before, err := g.Head(t.Context())
	require.NoError(t, err)
	_, err = g.Write(t.Context(), deleting(member("apollo", "nobody")))
	require.NoError(t, err)
	for change, err := range g.Watch(t.Context(), before) {
		require.NoError(t, err)
		assert.Empty(t, change.Updates)
		assert.NotEmpty(t, change.At)
		break
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	at, err := g.Head(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range g.Watch(ctx, at) {
		last = err
	}
	assert.ErrorIs(t, last, context.Canceled)
}

// TestWatchRefusesALostCursor says so in a way that a follower can tell from what
// passes: waiting would not bring back what it asks for.
func TestWatchRefusesALostCursor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	open := func() (*relationships.Gateway, *spicedb.Server) {
		engine, err := spicedb.Start(t.Context(), spicedb.Config{Path: path})
		require.NoError(t, err)
		return relationships.New(engine.Conn(), engine.Head), engine
	}
	refusal := func(g *relationships.Gateway, after access.Token) (last error) {
		for _, err := range g.Watch(t.Context(), after) {
			last = err
		}
		return last
	}
	g, engine := open()
	require.NoError(t, g.ApplySchema(t.Context(), schema.Text))
	collected, err := g.Head(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"ann", "bob"} {
		_, err := g.Write(t.Context(), touching(member("apollo", name)))
		require.NoError(t, err)
	}
	require.NoError(t, engine.Close())
	collect(t, path)

	g, engine = open()
	defer func() { require.NoError(t, engine.Close()) }()
	elsewhere, _ := start(t)
	foreign, err := elsewhere.Head(t.Context())
	require.NoError(t, err)
	for name, after := range map[string]access.Token{"collected": collected, "of another SpiceDB": foreign, "of none": "nonsense"} {
		err := refusal(g, after)
		assert.True(t, access.IsKind(err, access.Gone) && access.HasCode(err, "cursor_lost"), "%s: %v", name, err)
	}
}

// late is a connection to a SpiceDB whose clock is behind: until then, no moment has come.
type late struct {
	grpc.ClientConnInterface
	until   time.Time
	refused int
}

func (l *late) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if method == v1.SchemaService_ReflectSchema_FullMethodName && time.Now().Before(l.until) {
		l.refused++
		return status.Error(codes.OutOfRange, "invalid revision")
	}
	return l.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// TestWatchMindsNoClocks that differ a little.
func TestWatchMindsNoClocks(t *testing.T) {
	t.Parallel()
	g, engine := start(t)
	at, err := g.Head(t.Context())
	require.NoError(t, err)
	_, err = g.Write(t.Context(), touching(member("apollo", "ann")))
	require.NoError(t, err)
	conn := &late{ClientConnInterface: engine.Conn(), until: time.Now().Add(500 * time.Millisecond)}
	for _, err := range relationships.New(conn, engine.Head).Watch(t.Context(), at) {
		require.NoError(t, err)
		break
	}
	assert.Positive(t, conn.refused)
}

// collect deletes every change of a file that nobody has open.
func collect(t *testing.T, path string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path, sqlite.GCInterval(0), sqlite.GCWindow(time.Nanosecond), sqlite.RevisionQuantization(0))
	require.NoError(t, err)
	require.NoError(t, datastore.RunGarbageCollection(t.Context(), store, 0))
	require.NoError(t, store.Close())
}

// TestMetadataOfOthersIsNoCause takes from it what it understands, and minds nothing.
func TestMetadataOfOthersIsNoCause(t *testing.T) {
	t.Parallel()
	g, engine := start(t)
	before, err := g.Head(t.Context())
	require.NoError(t, err)
	foreign, err := structpb.NewStruct(map[string]any{
		"operation": 7, "actor": "nobody", "reason": []any{"a"}, "at": "yesterday", "from": nil, "ticket": map[string]any{"id": 1},
	})
	require.NoError(t, err)
	_, err = v1.NewPermissionsServiceClient(engine.Conn()).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{
		OptionalTransactionMetadata: foreign,
		Updates: []*v1.RelationshipUpdate{{
			Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
			Relationship: &v1.Relationship{
				Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: "apollo"}, Relation: "member",
				Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "ann"}},
			},
		}},
	})
	require.NoError(t, err)
	assert.Equal(t, access.Cause{Actor: access.Object{Type: "nobody"}}, changes(t, g, before, 1)[0].Cause)
}
