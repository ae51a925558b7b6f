package operations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// TestNoKeyOutlivesItsApplication revokes an application while it is given another key,
// and gives it another key while it is revoked.
func TestNoKeyOutlivesItsApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("platform:gatehouse#operator@user:olga")
	create := func() string {
		app, _, _, err := w.CreateApplication(t.Context(), w.by("olga"), operations.NewApplication{Name: "Shop", Scopes: []string{"check"}})
		require.NoError(t, err)
		return app.ID
	}
	revoke := func(id string) error {
		_, err := w.RevokeApplication(t.Context(), w.by("olga"), id)
		return err
	}
	rotate := func(id string) error {
		_, _, _, err := w.RotateApplication(t.Context(), w.by("olga"), id, time.Time{})
		return err
	}
	left := func(id string) []string {
		return w.facts(access.On(access.Object{Type: access.TypeApplication, ID: id}, ""))
	}

	id := create()
	w.meanwhile(func() { require.NoError(t, rotate(id)) })
	require.NoError(t, revoke(id))
	assert.Empty(t, left(id))

	id = create()
	w.meanwhile(func() { require.NoError(t, revoke(id)) })
	assert.True(t, access.IsKind(rotate(id), access.NotFound))
	assert.Empty(t, left(id))
}
