package operations_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// TestACallerWhoLosesTheRight between what an operation reads and what it commits
// is refused, although whoever exposes the operation had let them in.
func TestACallerWhoLosesTheRight(t *testing.T) {
	t.Parallel()
	engine := start(t)
	for verb, operation := range map[string]func(w *world, carl operations.By) error{
		"create": func(w *world, carl operations.By) error {
			_, _, err := w.Create(t.Context(), carl, operations.NewObject{Type: access.TypeProject, Parent: w.object("client:acme"), ID: new("new"), Name: "New"})
			return err
		},
		"add": func(w *world, carl operations.By) error {
			_, err := w.Add(t.Context(), carl, w.object("project:apollo"), newcomer("ann"), nil, nil)
			return err
		},
		"invite": func(w *world, carl operations.By) error {
			_, _, err := w.Invite(t.Context(), carl, w.object("project:apollo"), newcomer("ann"), nil, nil, 0)
			return err
		},
		"resend": func(w *world, carl operations.By) error {
			_, _, err := w.Resend(t.Context(), carl, w.invitation("1").ID)
			return err
		},
		"end": func(w *world, carl operations.By) error {
			_, err := w.EndRole(t.Context(), carl, w.object("project:apollo"), w.person("pete"), "project_admin", nil)
			return err
		},
	} {
		for way, lose := range map[string]func(w *world){
			"the role ends":               func(w *world) { w.gone("client:acme#admin@user:carl") },
			"the site removes the caller": func(w *world) { w.given("partner:lex#removed@user:carl") },
		} {
			t.Run(verb+", "+way, func(t *testing.T) {
				engine.clear(t)
				w := engine.world(t)
				w.given(site...)
				w.invite("pete", "bob", "project:apollo", "project_member")
				w.store.forget()
				w.meanwhile(func() { lose(w) })

				err := operation(w, w.by("carl"))

				require.True(t, access.IsKind(err, access.Forbidden), "got %v", err)
				assert.Empty(t, w.store.writes())
			})
		}
	}
}
