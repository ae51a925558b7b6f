package spicedb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func start(t *testing.T) (*spicedb.Server, *relationships.Gateway) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, engine.Close())
		goleak.VerifyNone(t, before)
	})
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	return engine, gateway
}

// TestRoleStopsAtItsEnd polls a role under check until after its end: it must be
// allowed before, denied at once after, and stay so, however often it was asked.
func TestRoleStopsAtItsEnd(t *testing.T) {
	engine, gateway := start(t)
	ctx := t.Context()
	project := access.Object{Type: access.TypeProject, ID: "p"}
	member := access.Relate(project, "member", access.User("ann"))
	member.EndsAt = time.Now().Add(2 * time.Second).Truncate(time.Second)
	var w access.Write
	w.Touch(access.Relate(project, "client", access.Object{Type: access.TypeClient, ID: "c"}), member)
	_, err := gateway.Write(ctx, w)
	require.NoError(t, err)

	allowedOnce := false
	for tick := range time.Tick(10 * time.Millisecond) {
		asked := time.Now()
		answer, err := engine.Check(ctx, access.Check{Resource: project, Permission: "view", Subject: access.Subject{Object: access.User("ann")}})
		require.NoError(t, err)
		if answer.Allowed {
			allowedOnce = true
			assert.False(t, asked.After(member.EndsAt), "allowed %s after the end", asked.Sub(member.EndsAt))
		}
		if tick.After(member.EndsAt.Add(300 * time.Millisecond)) {
			break
		}
	}
	assert.True(t, allowedOnce, "allowed before the end")
}
