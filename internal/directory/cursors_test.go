package directory_test

import (
	"errors"
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

func TestCursorsAreMovedAllOrNone(t *testing.T) {
	for name, path := range databases(t) {
		t.Run(name, func(t *testing.T) {
			db, w := openDatabase(t, path), newWorld()
			d, err := directory.New(t.Context(), db, w.now, w.exists)
			require.NoError(t, err)
			require.NoError(t, d.SetCursor(t.Context(), "audit", "a"))
			require.NoError(t, d.SetCursor(t.Context(), "mail", "b"))
			requireCursors := func(audit, mail access.Token) {
				for follower, want := range map[string]access.Token{"audit": audit, "mail": mail} {
					at, err := d.Cursor(t.Context(), follower)
					require.NoError(t, err)
					require.Equal(t, want, at, follower)
				}
			}

			unreadable := errors.New("unreadable")
			err = directory.MoveCursors(t.Context(), db, func(at access.Token) (access.Token, error) {
				if at == "b" {
					return "", unreadable
				}
				return "new " + at, nil
			})
			require.ErrorIs(t, err, unreadable)
			requireCursors("a", "b")

			require.NoError(t, directory.MoveCursors(t.Context(), db, func(at access.Token) (access.Token, error) { return "new " + at, nil }))
			requireCursors("new a", "new b")
		})
	}
}
