package operations_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

// TestOnlyWhoIsGoneIsDeleted: a change may say what it likes of itself. Whoever is still
// somebody's member keeps their profile.
func TestOnlyWhoIsGoneIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("project:apollo#member@user:ann")
	ann := w.person("ann")
	claimed := access.Change{Cause: access.Cause{Operation: "delete_profile", Actor: ann}}

	require.NoError(t, w.FinishDeletion(t.Context(), claimed))
	assert.Equal(t, ann, w.person("ann"))

	w.gone("project:apollo#member@user:ann")
	require.NoError(t, w.FinishDeletion(t.Context(), claimed))
	assert.NotEqual(t, ann, w.person("ann"), "another, who was made just now")
}
