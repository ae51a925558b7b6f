package directory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
)

func TestAPIKeys(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		robot := access.APIKeyProfile{ID: "robot", Name: "Robot", Hash: [32]byte{0xff, 0, 0x80}, CreatedAt: w.now()}
		require.NoError(t, d.AddAPIKey(t.Context(), robot))
		found, err := d.APIKeysByID(t.Context(), []string{"robot", "nothing"})
		require.NoError(t, err)
		assert.Equal(t, map[string]access.APIKeyProfile{"robot": robot}, found)

		twin := robot
		twin.ID = "twin"
		require.True(t, access.IsKind(d.AddAPIKey(t.Context(), twin), access.Unavailable), "one secret is one key's")
	})
}
