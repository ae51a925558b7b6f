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

// TestAdminsWhoEndEachOther lets five admins end each other's roles, a hundred
// calls at once. Then every moment since is looked at: there was always one
// whose power was whole and permanent.
func TestAdminsWhoEndEachOther(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		object string
		roles  []string // that make an admin together
	}{
		"partner":  {"partner:lex", []string{"partner_admin"}},
		"cockpit":  {"customer_account:alp", []string{"customer_admin", "cockpit_access"}},
		"portal":   {"customer_account:alp", []string{"portal_admin"}},
		"instance": {"instance:tour", []string{"company_admin"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.given(test.object+"#platform@platform:gatehouse", test.object+"#admin_version@version:0")
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

			admins := make([]access.Object, 5)
			for n := range admins {
				admins[n] = w.person(fmt.Sprintf("admin%d", n))
				for _, relation := range power {
					w.given(fmt.Sprintf("%s#%s@user:admin%d", test.object, relation, n))
				}
			}
			ended := 0
			for _, err := range atOnce(100, func(n int) error {
				victim := n % len(admins)
				actor := (victim + 1 + rand.IntN(len(admins)-1)) % len(admins) // anybody else
				by := operations.By{Actor: admins[actor]}
				_, err := w.EndRole(t.Context(), by, object, admins[victim], test.roles[rand.IntN(len(test.roles))])
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
			assert.Less(t, ended, 100, "somebody must have been the last")

			held, present := map[access.Subject]map[string]bool{}, false
			for _, change := range w.since(before) {
				for _, u := range change.Updates {
					r := u.Relationship
					if held[r.Subject] == nil {
						held[r.Subject] = map[string]bool{}
					}
					held[r.Subject][r.Relation] = u.Verb == access.Touch
				}
				whole := 0
				for _, relations := range held {
					if all(power, relations) {
						whole++
					}
				}
				if present = present || whole > 0; present {
					assert.Positive(t, whole, "nobody was admin after %v", change.Updates)
				}
			}
			require.True(t, present)
		})
	}
}

// TestEndRoleNoticesWhatHappensMeanwhile ends the role of Ann while somebody else
// makes her the last admin.
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
			left:    []string{"partner:lex#admin@user:ann"}, code: "forbidden",
		},
		"her role was ended by another": {
			happens: func(w *world) { w.ends("paula", "partner_admin", "ann", "partner:lex") },
			left:    []string{"partner:lex#admin@user:paula"},
		},
		"a third admin came": {
			happens: func(w *world) { w.given("partner:lex#admin@user:eve") },
			left:    []string{"partner:lex#admin@user:eve", "partner:lex#admin@user:paula"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine.clear(t)
			w := engine.world(t)
			w.given("partner:lex#platform@platform:gatehouse", "partner:lex#admin_version@version:0", "partner:lex#admin@user:paula", "partner:lex#admin@user:ann")
			w.meanwhile(func() { test.happens(w) })

			_, err := w.EndRole(t.Context(), w.by("paula"), w.object("partner:lex"), w.person("ann"), "partner_admin")

			if test.code == "" {
				assert.NoError(t, err)
			} else {
				assert.True(t, access.HasCode(err, test.code), "got %v", err)
			}
			assert.ElementsMatch(t, test.left, w.facts(access.On(w.object("partner:lex"), "admin")))
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
