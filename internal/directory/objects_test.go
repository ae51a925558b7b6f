package directory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

func account(id, number, identifier string) access.ObjectProfile {
	return access.ObjectProfile{
		Object: access.Object{Type: access.TypeCustomerAccount, ID: id},
		Name:   "Account " + id, TimeZone: "Europe/Zurich", CustomerNumber: number, Identifier: identifier,
	}
}

func client(id string) access.ObjectProfile {
	return access.ObjectProfile{Object: access.Object{Type: access.TypeClient, ID: id}, Name: "Client " + id, TimeZone: "UTC"}
}

func reserve(t *testing.T, d *directory.Directory, p access.ObjectProfile) (claim string) {
	t.Helper()
	claim, err := d.ReserveObject(t.Context(), p)
	require.NoError(t, err)
	return claim
}

func requireTaken(t *testing.T, err error, field string) {
	t.Helper()
	require.True(t, access.IsKind(err, access.Conflict), "%v", err)
	require.True(t, access.HasCode(err, "taken"), "%v", err)
	require.Contains(t, err.Error(), field)
}

func requireProfile(t *testing.T, d *directory.Directory, want access.ObjectProfile) {
	t.Helper()
	got, err := d.ObjectsByID(t.Context(), []access.Object{want.Object})
	require.NoError(t, err)
	require.Equal(t, map[access.Object]access.ObjectProfile{want.Object: want}, got)
}

func TestReservedNamesAreTaken(t *testing.T) {
	for name, c := range map[string]struct {
		second access.ObjectProfile
		field  string // empty: not taken
	}{
		"same id":                  {account("acme", "2", "two"), `the id "acme"`},
		"same customer number":     {account("other", "1", "two"), `the customer number "1"`},
		"same identifier":          {account("other", "2", "one"), `the identifier "one"`},
		"everything the same":      {account("acme", "1", "one"), `the id "acme"`},
		"everything different":     {account("other", "2", "two"), ""},
		"no names":                 {account("other", "", ""), ""},
		"same id of another type":  {client("acme"), ""},
		"id in another case":       {account("Acme", "2", "two"), ""},
		"identifier, another case": {account("other", "2", "One"), ""},
		"number as identifier":     {account("other", "one", "1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
				first := account("acme", "1", "one")
				reserve(t, d, first)
				try := func() {
					claim, err := d.ReserveObject(t.Context(), c.second)
					if c.field != "" {
						requireTaken(t, err, c.field)
						return
					}
					require.NoError(t, err)
					require.NoError(t, d.ReleaseObject(t.Context(), claim))
				}
				try()
				w.create(first.Object)
				w.pass(24 * time.Hour)
				try()
				requireProfile(t, d, first)
			})
		})
	}
}

func TestNoNamesClashWithNoNames(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		reserve(t, d, client("one"))
		reserve(t, d, client("two"))
		requireProfile(t, d, client("one"))
	})
}

func TestReleasedNamesAreFree(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		require.NoError(t, d.ReleaseObject(t.Context(), reserve(t, d, account("acme", "1", "one"))))
		got, err := d.ObjectsByID(t.Context(), []access.Object{account("acme", "", "").Object})
		require.NoError(t, err)
		require.Empty(t, got)
		reserve(t, d, account("acme", "1", "one"))
	})
}

func TestAbandonedClaimIsTakenOverInTime(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		lost := reserve(t, d, account("acme", "1", "one"))
		w.pass(access.ClaimTime - time.Microsecond)
		_, err := d.ReserveObject(t.Context(), account("other", "1", "two"))
		requireTaken(t, err, "customer number")

		w.pass(time.Microsecond)
		reserve(t, d, account("other", "1", "two"))
		require.NoError(t, d.ReleaseObject(t.Context(), lost), "a lost claim has nothing left to give up")
		requireProfile(t, d, account("other", "1", "two"))
	})
}

func TestOneReservationTakesOverSeveralClaims(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		reserve(t, d, account("acme", "1", "one"))
		reserve(t, d, account("other", "2", "two"))
		reserve(t, d, account("third", "3", "three"))
		w.pass(time.Minute)
		reserve(t, d, account("acme", "2", "three"))
		requireProfile(t, d, account("acme", "2", "three"))
	})
}

func TestCreatedObjectKeepsItsNames(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		acme := account("acme", "1", "one")
		reserve(t, d, acme)
		w.create(acme.Object)
		w.pass(time.Hour)
		for field, rival := range map[string]access.ObjectProfile{
			"id":              account("acme", "2", "two"),
			"customer number": account("other", "1", "two"),
			"identifier":      account("other", "2", "one"),
		} {
			_, err := d.ReserveObject(t.Context(), rival)
			requireTaken(t, err, field)
		}
		requireProfile(t, d, acme)
	})
}

func TestNothingIsTakenOverWhileExistenceIsUnknown(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		acme := account("acme", "1", "one")
		reserve(t, d, acme)
		w.pass(time.Hour)
		w.down = access.Down("SpiceDB", errors.New("connection refused"))
		_, err := d.ReserveObject(t.Context(), acme)
		require.ErrorIs(t, err, w.down)
		requireProfile(t, d, acme)
	})
}

func TestParallelReservationsGiveOneClaim(t *testing.T) {
	for name, abandoned := range map[string]bool{"fresh": false, "over an abandoned claim": true} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
				if abandoned {
					reserve(t, d, account("lost", "1", "one"))
					w.pass(time.Minute)
				}
				claims, errs := parallel(t, func(run int) (string, error) {
					return d.ReserveObject(t.Context(), account(fmt.Sprint(run), "1", "one"))
				})
				var won []string
				for run, claim := range claims {
					if errs[run] == nil {
						won = append(won, claim)
						continue
					}
					requireTaken(t, errs[run], "is taken")
				}
				require.Len(t, won, 1)
			})
		})
	}
}

func TestObjectsByID(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		want := map[access.Object]access.ObjectProfile{}
		asked := []access.Object{{Type: "client", ID: "none"}, {Type: "project", ID: "1"}}
		for i := range 510 { // more than one batch
			p := client(fmt.Sprint(i))
			reserve(t, d, p)
			if i < 505 {
				want[p.Object] = p
				asked = append(asked, p.Object)
			}
		}
		got, err := d.ObjectsByID(t.Context(), asked)
		require.NoError(t, err)
		assert.Equal(t, want, got)

		got, err = d.ObjectsByID(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, got)
	})
}

// Creations that crash anywhere, in any order and at any pace, leave every
// object that exists with the names it was created under.
func TestCrashesNeitherLoseNorShareNames(t *testing.T) {
	w := newWorld()
	d := open(t, sqlite.InMemory, w)
	checks := 0
	rapid.Check(t, func(t *rapid.T) {
		checks++ // each check has names of its own
		type creation struct {
			profile access.ObjectProfile
			claim   string
			at      time.Time
			written bool
		}
		var running []creation
		existing := map[access.Object]access.ObjectProfile{}
		pick := func(t *rapid.T) int {
			if len(running) == 0 {
				t.Skip("no creation is running")
			}
			return rapid.IntRange(0, len(running)-1).Draw(t, "creation")
		}
		end := func(i int) { running = append(running[:i], running[i+1:]...) }
		name := rapid.Map(rapid.IntRange(0, 3), func(n int) string {
			if n == 0 {
				return ""
			}
			return fmt.Sprintf("%d-%d", checks, n)
		})

		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				id := fmt.Sprintf("%d-%d", checks, rapid.IntRange(1, 3).Draw(t, "id"))
				p := account(id, name.Draw(t, "number"), name.Draw(t, "identifier"))
				claim, err := d.ReserveObject(t.Context(), p)
				if err != nil {
					require.True(t, access.HasCode(err, "taken"), "%v", err)
					return
				}
				running = append(running, creation{profile: p, claim: claim, at: w.now()})
			},
			"write": func(t *rapid.T) {
				c := &running[pick(t)]
				_, exists := existing[c.profile.Object]
				if c.written || exists || w.now().Sub(c.at) >= access.ClaimTime {
					t.Skip("its time is up, or the precondition fails")
				}
				existing[c.profile.Object], c.written = c.profile, true
				w.create(c.profile.Object)
			},
			"release": func(t *rapid.T) {
				i := pick(t)
				if running[i].written {
					t.Skip("written")
				}
				require.NoError(t, d.ReleaseObject(t.Context(), running[i].claim))
				end(i)
			},
			"crash or end": func(t *rapid.T) { end(pick(t)) },
			"wait":         func(*rapid.T) { w.pass(access.ClaimTime * 2 / 3) },
			"": func(t *rapid.T) {
				var ids []access.Object
				numbers, identifiers := map[string]bool{}, map[string]bool{}
				for id, p := range existing {
					ids = append(ids, id)
					require.False(t, p.CustomerNumber != "" && numbers[p.CustomerNumber], "two objects share a number")
					require.False(t, p.Identifier != "" && identifiers[p.Identifier], "two objects share an identifier")
					numbers[p.CustomerNumber], identifiers[p.Identifier] = true, true
				}
				got, err := d.ObjectsByID(t.Context(), ids)
				require.NoError(t, err)
				require.Equal(t, existing, got)
			},
		})
	})
}
