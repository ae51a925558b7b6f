package relationships_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// gate is a connection on which writes wait to be let through.
type gate struct {
	grpc.ClientConnInterface
	begun chan struct{} // one for each write
	let   chan error    // through, or not
}

func (g gate) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	if method == v1.PermissionsService_WriteRelationships_FullMethodName {
		g.begun <- struct{}{}
		if err := <-g.let; err != nil {
			return err
		}
	}
	return g.ClientConnInterface.Invoke(ctx, method, args, reply, options...)
}

// TestAMomentIsSharedByThoseWhoCameBeforeItBegan, and by nobody who came later:
// what it looks at may be older than what they know.
func TestAMomentIsSharedByThoseWhoCameBeforeItBegan(t *testing.T) {
	t.Parallel()
	_, engine := start(t)
	g := gate{engine.Conn(), make(chan struct{}, 10), make(chan error)}
	moments := relationships.NewMoments(g)
	type told struct {
		at  access.Token
		err error
	}
	heard := make(chan told, 100)
	ask := func() {
		at, err := moments.Head(t.Context())
		heard <- told{at, err}
	}
	go ask()
	<-g.begun
	var asking sync.WaitGroup
	for range 50 { // while it is under way
		asking.Go(ask)
	}
	time.Sleep(50 * time.Millisecond) // they have nothing to show for having asked
	assert.Empty(t, heard)
	g.let <- nil
	first := <-heard
	require.NoError(t, first.err)
	<-g.begun
	g.let <- nil
	asking.Wait()
	at := map[access.Token]bool{}
	for range 50 {
		second := <-heard
		require.NoError(t, second.err)
		at[second.at] = true
	}
	assert.Len(t, at, 1, "they share one")
	assert.NotContains(t, at, first.at, "which is not the one that had begun")
	assert.Empty(t, g.begun)
}

// TestWhoeverAsksMayLeave without taking the answer from the others.
func TestWhoeverAsksMayLeave(t *testing.T) {
	t.Parallel()
	_, engine := start(t)
	g := gate{engine.Conn(), make(chan struct{}, 10), make(chan error)}
	moments := relationships.NewMoments(g)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := moments.Head(ctx)
		left <- err
	}()
	<-g.begun
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	g.let <- status.Error(codes.Unavailable, "gone")

	go func() {
		_, err := moments.Head(t.Context())
		left <- err
	}()
	<-g.begun
	g.let <- status.Error(codes.Unavailable, "gone")
	assert.True(t, access.IsKind(<-left, access.Unavailable))
}

// TestNobodyHearsOfBeats: neither those who follow changes nor an export.
func TestNobodyHearsOfBeats(t *testing.T) {
	t.Parallel()
	g, engine := start(t)
	before, err := g.Head(t.Context())
	require.NoError(t, err)
	moments := relationships.NewMoments(engine.Conn())
	for range 3 {
		_, err := moments.Head(t.Context())
		require.NoError(t, err)
	}
	_, err = g.Write(t.Context(), touching(member("apollo", "ann")))
	require.NoError(t, err)
	for change, err := range g.Watch(t.Context(), before) {
		require.NoError(t, err)
		if len(change.Updates) > 0 {
			assert.Equal(t, member("apollo", "ann"), change.Updates[0].Relationship)
			break
		}
	}
	at, err := g.Head(t.Context())
	require.NoError(t, err)
	var exported []string
	for record, err := range relationships.NewArchive(engine.Conn()).Export(t.Context(), at) {
		require.NoError(t, err)
		exported = append(exported, string(record.JSON))
	}
	require.Len(t, exported, 1)
	assert.Contains(t, exported[0], "apollo")
}

// TestMomentsAnswerAsTheEngineDoes, whatever is asked.
func TestMomentsAnswerAsTheEngineDoes(t *testing.T) {
	t.Parallel()
	g, engine := start(t)
	moments := relationships.NewMoments(engine.Conn())
	at, err := g.Write(t.Context(), touching(member("apollo", "ann")))
	require.NoError(t, err)
	other, _ := start(t)
	foreign, err := other.Head(t.Context())
	require.NoError(t, err)

	ann := access.Subject{Object: access.User("ann")}
	castle := access.Object{Type: "castle", ID: "apollo"}
	asked := []access.Check{
		{Resource: project("apollo"), Permission: "view", Subject: ann},
		{Resource: project("apollo"), Permission: "administer", Subject: ann},
		{Resource: castle, Permission: "view", Subject: ann},
		{Resource: project("apollo"), Permission: "demolish", Subject: ann},
		{Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: access.Object{Type: "ghost", ID: "ann"}}},
		{Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: project("apollo"), Relation: "member"}},
		{Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: access.User("ann"), Relation: "friends"}},
		{Resource: project("apollo"), Permission: "member", Subject: ann},
		{Resource: project("nowhere"), Permission: "view", Subject: ann},
	}
	want, got := engine.CheckBulk(t.Context(), asked), moments.CheckBulk(t.Context(), asked)
	require.Len(t, got, len(asked))
	for i, q := range asked {
		assert.Equal(t, want[i].Decision.Allowed, got[i].Decision.Allowed, "%+v", q)
		assert.Equal(t, code(want[i].Err), code(got[i].Err), "%+v: %v", q, got[i].Err)
		assert.Equal(t, want[i].Err == nil, got[i].Decision.CheckedAt != "", "%+v", q)
		one, err := moments.Check(t.Context(), q)
		assert.Equal(t, got[i].Decision.Allowed, one.Allowed)
		assert.Equal(t, code(got[i].Err), code(err))
	}
	assert.Empty(t, moments.CheckBulk(t.Context(), nil))

	for name, token := range map[string]access.Token{"own": at, "foreign": foreign, "none": "", "nonsense": "!", "cut short": at[:len(at)/2]} {
		assert.Equal(t, code(engine.Covers(t.Context(), token)), code(moments.Covers(t.Context(), token)), name)
	}
}

// code is the code of an error, or empty.
func code(err error) string {
	if e := new(access.Error); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// TestASchemaOfALaterEditionStays when an older server offers its own, and an
// earlier one goes.
func TestASchemaOfALaterEditionStays(t *testing.T) {
	t.Parallel()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	g := relationships.New(engine.Conn(), engine.Head)
	text := func() string {
		text, _, err := relationships.NewArchive(engine.Conn()).Schema(t.Context())
		require.NoError(t, err)
		return text
	}
	offer := func(schema string, wanted bool) {
		t.Helper()
		later, err := g.OfferSchema(t.Context(), schema)
		require.NoError(t, err)
		assert.Equal(t, wanted, later)
	}
	next := strings.Replace(schema.Text, "edition 1 of the schema", "edition 12 of the schema", 1) + "\ndefinition castle {}\n"
	require.Contains(t, next, "edition 12")

	offer("definition user {}", false)
	offer(schema.Text, false)
	assert.Contains(t, text(), "definition project")
	written, err := g.Head(t.Context())
	require.NoError(t, err)
	offer(schema.Text, false)
	same, err := g.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, written, same, "the same schema is not written again")
	offer(next, false)
	offer(schema.Text, true)
	assert.Contains(t, text(), "definition castle")
}
