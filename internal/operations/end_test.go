package operations_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

// TestEndRoleNoticesWhatHappensMeanwhile ends the role of Ann while something
// happens to the admins.
func TestEndRoleNoticesWhatHappensMeanwhile(t *testing.T) {
	t.Parallel()
	engine := start(t)
	for name, test := range map[string]struct {
		happens func(w *world)
		left    []string
		code    string
	}{
		"she became the last": {
			happens: func(w *world) { w.ends("ann", "partner_admin", "paula", "partner:lex") },
			left:    []string{"ann", "eve"}, code: "last_admin",
		},
		"her role was ended by another": {
			happens: func(w *world) { w.ends("paula", "partner_admin", "ann", "partner:lex") },
			left:    []string{"paula", "eve"},
		},
		"another admin came": {
			happens: func(w *world) { w.given("partner:lex#admin@user:bob") },
			left:    []string{"paula", "bob", "eve"},
		},
		"who ends it is admin no more": {
			happens: func(w *world) { w.ends("ann", "partner_admin", "eve", "partner:lex") },
			left:    []string{"paula", "ann"}, code: "forbidden",
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine.clear(t)
			w := engine.world(t)
			w.given(
				"partner:lex#platform@platform:gatehouse", "partner:lex#admin_version@version:0",
				"partner:lex#admin@user:paula", "partner:lex#admin@user:ann",
				"partner:lex#admin@user:eve[expiration:2100-06-30T22:00:00Z]",
			)
			w.meanwhile(func() { test.happens(w) })

			_, err := w.EndRole(t.Context(), w.by("eve"), w.object("partner:lex"), w.person("ann"), "partner_admin", nil)

			if test.code == "" {
				assert.NoError(t, err)
			} else {
				assert.True(t, access.HasCode(err, test.code), "got %v", err)
			}
			var left []access.Object
			for _, name := range test.left {
				left = append(left, w.person(name))
			}
			found, _, err := w.store.Read(t.Context(), access.On(w.object("partner:lex"), "admin"))
			require.NoError(t, err)
			var admins []access.Object
			for _, r := range found {
				admins = append(admins, r.Subject.Object)
			}
			assert.ElementsMatch(t, left, admins)
		})
	}
}
