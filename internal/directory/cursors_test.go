package directory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
)

func TestCursors(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		at, err := d.Cursor(t.Context(), "audit")
		require.NoError(t, err)
		assert.Empty(t, at)

		for _, token := range []access.Token{"GhUKEzE=", "GhUKEzI="} {
			require.NoError(t, d.SetCursor(t.Context(), "audit", token))
			at, err = d.Cursor(t.Context(), "audit")
			require.NoError(t, err)
			assert.Equal(t, token, at)
		}
		at, err = d.Cursor(t.Context(), "mailer")
		require.NoError(t, err)
		assert.Empty(t, at, "followers have their own cursors")
	})
}
