package relationships_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func start(t *testing.T) (*relationships.Gateway, *spicedb.Server) {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	return gateway, engine
}

func project(id string) access.Object { return access.Object{Type: access.TypeProject, ID: id} }

func member(id, name string) access.Relationship {
	return access.Relate(project(id), "member", access.User(name))
}

func admin(id, name string) access.Relationship {
	return access.Relate(project(id), "admin", access.User(name))
}

func touching(rs ...access.Relationship) access.Write {
	var w access.Write
	w.Touch(rs...)
	return w
}

func deleting(rs ...access.Relationship) access.Write {
	var w access.Write
	w.Delete(rs...)
	return w
}

func TestReadOfOverlappingFiltersRepeatsNothing(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	ending := member("hermes", "bob")
	ending.EndsAt = time.Date(2100, time.June, 30, 22, 0, 0, 0, time.UTC)
	ended := member("hermes", "eve")
	ended.EndsAt = time.Now().Add(-time.Hour)
	_, err := g.Write(t.Context(), touching(admin("apollo", "ann"), member("apollo", "bob"), ending, ended, member("zeus", "cid")))
	require.NoError(t, err)

	found, at, err := g.Read(t.Context(),
		access.On(project("apollo"), ""),
		access.On(project("apollo"), "member"),
		access.Filter{ResourceType: access.TypeProject}.To(access.User("bob")),
		access.Filter{ResourceType: access.TypeProject, ResourceIDPrefix: "her"},
		access.On(project("apollo"), "").ToType(access.TypeUser),
		access.Exactly(admin("apollo", "ann")),
	)
	require.NoError(t, err)
	assert.NotEmpty(t, at)
	assert.ElementsMatch(t, []access.Relationship{admin("apollo", "ann"), member("apollo", "bob"), ending}, found)
}

// TestReadSeesOneMoment: while each write swaps two roles of Ann, a read of both
// by two filters finds exactly one.
func TestReadSeesOneMoment(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	roles := [2]access.Relationship{admin("apollo", "ann"), member("apollo", "ann")}
	_, err := g.Write(t.Context(), touching(roles[0]))
	require.NoError(t, err)

	var swaps atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		for n := 1; ctx.Err() == nil; n++ {
			w := touching(roles[n%2])
			w.Delete(roles[(n+1)%2])
			if _, err := g.Write(t.Context(), w); err != nil {
				done <- err
				return
			}
			swaps.Add(1)
		}
		done <- nil
	}()
	for range 200 {
		found, _, err := g.Read(t.Context(), access.Exactly(roles[0]), access.Exactly(roles[1]))
		require.NoError(t, err)
		assert.Len(t, found, 1)
	}
	stop()
	require.NoError(t, <-done)
	assert.Greater(t, swaps.Load(), int64(10), "the reads were beside writes")
}

// TestReadSeesEveryAcknowledgedWrite, also while others read.
func TestReadSeesEveryAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, _, _ = g.Read(ctx, access.On(project("apollo"), ""))
		}
	}()
	for n := range 200 {
		r := member("apollo", fmt.Sprintf("user%d", n))
		_, err := g.Write(t.Context(), touching(r))
		require.NoError(t, err)
		found, _, err := g.Read(t.Context(), access.Exactly(r))
		require.NoError(t, err)
		assert.Len(t, found, 1)
	}
	stop()
	<-done
}

func TestWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	ended := member("apollo", "eve")
	ended.EndsAt = time.Now().Add(-time.Hour)
	_, err := g.Write(t.Context(), touching(member("apollo", "ann"), ended))
	require.NoError(t, err)

	for name, test := range map[string]struct {
		condition access.Precondition
		err       error
	}{
		"must match, and does":                        {access.MustMatch(access.Exactly(member("apollo", "ann"))), nil},
		"must match, and does not":                    {access.MustMatch(access.Exactly(member("apollo", "bob"))), access.ErrPreconditionFailed},
		"must match, but has ended":                   {access.MustMatch(access.Exactly(ended)), access.ErrPreconditionFailed},
		"must not match, and does not":                {access.MustNotMatch(access.Exactly(admin("apollo", "ann"))), nil},
		"must not match, but does":                    {access.MustNotMatch(access.Exactly(member("apollo", "ann"))), access.ErrPreconditionFailed},
		"must not match, and has ended":               {access.MustNotMatch(access.Exactly(ended)), nil},
		"must not match anything about a person":      {access.MustNotMatch(access.Filter{}.To(access.User("ann"))), access.ErrPreconditionFailed},
		"must not match anything about a stranger":    {access.MustNotMatch(access.Filter{}.To(access.User("zoe"))), nil},
		"must not match by prefix, but does":          {access.MustNotMatch(access.Filter{ResourceType: access.TypeProject, ResourceIDPrefix: "apo"}), access.ErrPreconditionFailed},
		"must match something on an object, and does": {access.MustMatch(access.On(project("apollo"), "")), nil},
	} {
		mark := project(strings.NewReplacer(" ", "-", ",", "").Replace(name))
		w := touching(access.Relate(mark, "member", access.User("one")), access.Relate(mark, "member", access.User("two")))
		w.Require(access.MustMatch(access.Exactly(member("apollo", "ann"))), test.condition)
		_, err := g.Write(t.Context(), w)
		assert.ErrorIs(t, err, test.err, name)
		written, _, err := g.Read(t.Context(), access.On(mark, ""))
		require.NoError(t, err)
		assert.Len(t, written, map[bool]int{true: 2, false: 0}[test.err == nil], name)
	}
}

func TestExists(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	_, err := g.Write(t.Context(), touching(member("apollo", "ann")))
	require.NoError(t, err)
	for id, wanted := range map[string]bool{"apollo": true, "hermes": false} {
		exists, err := g.Exists(t.Context(), project(id))
		require.NoError(t, err)
		assert.Equal(t, wanted, exists, id)
	}
}

// TestWhenSpiceDBIsGone nothing is taken for an answer.
func TestWhenSpiceDBIsGone(t *testing.T) {
	t.Parallel()
	conn, err := grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials())) // where nobody listens
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	g := relationships.New(conn, func(context.Context) (access.Token, error) { return "GhUKEzE=", nil })

	_, err = g.Write(t.Context(), touching(member("apollo", "ann")))
	assert.True(t, access.IsKind(err, access.Unavailable), "write: %v", err)
	_, _, err = g.Read(t.Context(), access.On(project("apollo"), ""))
	assert.True(t, access.IsKind(err, access.Unavailable), "read: %v", err)
	_, _, err = g.Grounds(t.Context(), access.Check{Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: access.User("ann")}})
	assert.True(t, access.IsKind(err, access.Unavailable), "grounds: %v", err)
	_, _, err = g.LookupResources(t.Context(), access.TypeProject, "view", access.Subject{Object: access.User("ann")})
	assert.True(t, access.IsKind(err, access.Unavailable), "lookup: %v", err)
	assert.Error(t, g.ApplySchema(t.Context(), schema.Text))
	for _, err := range g.Watch(t.Context(), "GhUKEzE=") {
		assert.True(t, access.IsKind(err, access.Unavailable), "watch: %v", err)
	}

	down := errors.New("no head")
	g = relationships.New(conn, func(context.Context) (access.Token, error) { return "", down })
	_, _, err = g.Read(t.Context(), access.On(project("apollo"), ""))
	assert.ErrorIs(t, err, down)
}
