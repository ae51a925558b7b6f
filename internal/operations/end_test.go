package operations_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// TestAdminsWhoEndEachOther lets five admins end each other's roles, fifty
// calls at once, and beside them somebody entitled who is no permanent admin.
// Then every moment since is looked at: there was always an admin whose power was
// whole and permanent.
func TestAdminsWhoEndEachOther(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		object   string
		roles    []string // that make an admin together
		entitled string   // by this, somebody else is too
	}{
		"partner":  {"partner:lex", []string{"partner_admin"}, "partner:lex#admin@user:other[expiration:2100-06-30T22:00:00Z]"},
		"cockpit":  {"customer_account:alp", []string{"customer_admin", "cockpit_access"}, "platform:gatehouse#support@user:other"},
		"portal":   {"customer_account:alp", []string{"portal_admin"}, "platform:gatehouse#support@user:other"},
		"instance": {"instance:tour", []string{"company_admin"}, "platform:gatehouse#operator@user:other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.given(test.object+"#platform@platform:gatehouse", test.object+"#admin_version@version:0", test.entitled)
			object := w.object(test.object)
			var power []string
			for _, id := range test.roles {
				role, err := roles.Find(object.Type, id)
				require.NoError(t, err)
				power = append(power, role.Relation)
			}
			require.Contains(t, roles.Powers[object.Type], power)
			before, err := w.store.Head(t.Context())
			require.NoError(t, err)

			var appointments []string
			actors := []access.Object{w.person("other")}
			for n := range 5 {
				actors = append(actors, w.person(fmt.Sprint("admin", n)))
				for _, relation := range power {
					appointments = append(appointments, fmt.Sprintf("%s#%s@user:admin%d", test.object, relation, n))
				}
			}
			w.given(appointments...)
			ended := 0
			for _, err := range atOnce(50, func(n int) error {
				victim := 1 + n%5
				actor := (victim + 1 + rand.IntN(5)) % 6 // anybody else
				_, err := w.EndRole(t.Context(), operations.By{Actor: actors[actor]}, object, actors[victim], test.roles[rand.IntN(len(test.roles))], nil)
				return err
			}) {
				if err == nil {
					ended++
					continue
				}
				lost := access.IsKind(err, access.Forbidden) // the actor was ended first
				assert.True(t, lost || access.HasCode(err, "last_admin") || access.HasCode(err, "contended"), "got %v", err)
			}
			assert.Positive(t, ended)

			held := map[access.Subject]map[string]bool{}
			for _, change := range w.since(before) {
				for _, u := range change.Updates {
					r := u.Relationship
					if held[r.Subject] == nil {
						held[r.Subject] = map[string]bool{}
					}
					held[r.Subject][r.Relation] = u.Verb == access.Touch && r.EndsAt.IsZero()
				}
				whole := 0
				for _, relations := range held {
					if all(power, relations) {
						whole++
					}
				}
				assert.Positive(t, whole, "nobody was admin after %v", change.Updates)
			}
			assert.NotEmpty(t, held)
		})
	}
}

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

// all reports whether a person holds every relation.
func all(relations []string, held map[string]bool) bool {
	for _, relation := range relations {
		if !held[relation] {
			return false
		}
	}
	return true
}
