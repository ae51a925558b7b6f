package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
)

func TestInvitations(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		ann, err := d.EnsurePerson(t.Context(), "ann@example.com", "Ann", "Lee")
		require.NoError(t, err)
		invitation := func(id string) access.InvitationProfile {
			return access.InvitationProfile{
				ID: id, InviteeID: ann.ID, Email: ann.Email, CreatedAt: w.now(), ExpiresAt: w.now().Add(7 * 24 * time.Hour),
			}
		}
		first, second := invitation("first"), invitation("second")
		require.NoError(t, d.AddInvitation(t.Context(), first))
		require.NoError(t, d.AddInvitation(t.Context(), second))

		got, err := d.InvitationsByID(t.Context(), []string{"first", "none", "second"})
		require.NoError(t, err)
		assert.Equal(t, map[string]access.InvitationProfile{"first": first, "second": second}, got)

		require.NoError(t, d.AddInvitationToken(t.Context(), "first", [32]byte{1}))
		require.NoError(t, d.AddInvitationToken(t.Context(), "first", [32]byte{0xff, 0x00, 0x80}))
		require.NoError(t, d.AddInvitationToken(t.Context(), "second", [32]byte{2}))
		for token, want := range map[[32]byte]access.InvitationProfile{
			{1}: first, {0xff, 0x00, 0x80}: first, {2}: second,
		} {
			got, err := d.InvitationByToken(t.Context(), token)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		_, err = d.InvitationByToken(t.Context(), [32]byte{3})
		require.True(t, access.IsKind(err, access.NotFound), "%v", err)
		require.True(t, access.HasCode(err, "not_found"), "%v", err)
	})
}

func TestInvitationOfNobodyIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		require.Error(t, d.AddInvitation(t.Context(), access.InvitationProfile{ID: "first", InviteeID: "nobody"}))
		require.Error(t, d.AddInvitationToken(t.Context(), "none", [32]byte{1}))
	})
}
