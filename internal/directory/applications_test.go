package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
)

func TestApplications(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		shop := access.ApplicationProfile{ID: "shop", Name: "Shop", CreatedBy: "olga", CreatedAt: w.now()}
		require.NoError(t, d.AddApplication(t.Context(), shop))
		found, err := d.ApplicationsByID(t.Context(), []string{"shop", "nothing"})
		require.NoError(t, err)
		assert.Equal(t, map[string]access.ApplicationProfile{"shop": shop}, found)

		key := access.ApplicationKeyProfile{ID: "key", ApplicationID: "shop", Hash: [32]byte{0xff, 0, 0x80}, Prefix: "gha_12345678", CreatedAt: w.now()}
		require.NoError(t, d.AddApplicationKey(t.Context(), key))
		known, err := d.ApplicationKeyByHash(t.Context(), key.Hash)
		require.NoError(t, err)
		assert.Equal(t, key, known)
		_, err = d.ApplicationKeyByHash(t.Context(), [32]byte{1})
		assert.True(t, access.IsKind(err, access.NotFound), "%v", err)
		twin := key
		twin.ID = "twin"
		assert.True(t, access.IsKind(d.AddApplicationKey(t.Context(), twin), access.Unavailable), "one secret is one key's")

		key.LastUsedAt = w.now().Add(time.Hour)
		require.NoError(t, d.KeyUsed(t.Context(), "key", key.LastUsedAt))
		require.NoError(t, d.KeyUsed(t.Context(), "key", w.now()), "by a server that is late")
		keys, err := d.ApplicationKeysByID(t.Context(), []string{"key", "nothing"})
		require.NoError(t, err)
		assert.Equal(t, map[string]access.ApplicationKeyProfile{"key": key}, keys)
	})
}
