package operations_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// atOnce runs so many calls beside each other, none before all are there, and
// returns how each ended.
func atOnce(calls int, call func(n int) error) []error {
	errs := make([]error, calls)
	var gathering, running sync.WaitGroup
	gathering.Add(calls)
	for n := range calls {
		running.Go(func() {
			gathering.Done()
			gathering.Wait()
			errs[n] = call(n)
		})
	}
	running.Wait()
	return errs
}

// history replays what was committed since a moment, and shows after each change what
// is related.
func (w *world) history(before access.Token, look func(change access.Change, related map[access.Filter]access.Relationship)) {
	w.t.Helper()
	related := map[access.Filter]access.Relationship{}
	for _, change := range w.since(before) {
		for _, u := range change.Updates {
			if u.Verb == access.Touch {
				related[access.Exactly(u.Relationship)] = u.Relationship
			} else {
				delete(related, access.Exactly(u.Relationship))
			}
		}
		look(change, related)
	}
}

// reductions are the ways in which an admin takes power from another.
var reductions = map[string]func(w *world, by operations.By, object, victim access.Object, power []string) error{
	"ends a role": func(w *world, by operations.By, object, victim access.Object, power []string) error {
		_, err := w.EndRole(w.t.Context(), by, object, victim, power[rand.IntN(len(power))], nil)
		return err
	},
	"ends a role on a day": func(w *world, by operations.By, object, victim access.Object, power []string) error {
		_, err := w.EndRole(w.t.Context(), by, object, victim, power[rand.IntN(len(power))], w.day("2100-06-30"))
		return err
	},
	"changes roles": func(w *world, by operations.By, object, victim access.Object, power []string) error {
		lower, last := map[string]string{"portal_admin": "portal_read_only_user", "company_admin": "instance_member"}[power[0]], ""
		if lower == "" {
			lower, last = power[0], map[string]string{"partner_admin": "2100-05-31"}[power[0]]
		}
		_, err := w.ChangeRoles(w.t.Context(), by, object, victim, []string{lower}, w.day(last)) // of the cockpit: without access
		return err
	},
	"removes": func(w *world, by operations.By, object, victim access.Object, _ []string) error {
		_, err := w.Remove(w.t.Context(), by, object, victim)
		return err
	},
	"leaves": func(w *world, _ operations.By, _, victim access.Object, _ []string) error {
		_, err := w.DeleteProfile(w.t.Context(), operations.By{Actor: victim})
		return err
	},
}

// TestAdminsWhoReduceEachOther lets five admins, and beside them somebody entitled who is
// no permanent admin, take each other's power in every way there is: a thousand times in
// all, twenty-five at once. Then every moment since is looked at: there was always an
// admin whose power was whole and permanent.
func TestAdminsWhoReduceEachOther(t *testing.T) {
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
			w.given(test.object+"#platform@platform:gatehouse", test.object+"#admin_version@version:0")
			object, actors := w.object(test.object), []access.Object{w.person("other")}
			var power []string
			var appointed access.Write
			for _, id := range test.roles {
				role, err := roles.Find(object.Type, id)
				require.NoError(t, err)
				power = append(power, role.Relation)
			}
			require.Contains(t, roles.Powers[object.Type], power)
			for n := range 5 {
				admin := w.person(fmt.Sprint("admin", n))
				actors = append(actors, admin)
				for _, relation := range power {
					appointed.Touch(access.Relate(object, relation, admin))
				}
				if object.Type == access.TypePartner {
					appointed.Delete(access.Relate(object, "removed", admin), access.Relate(object, "removing", admin))
				}
			}
			appointed.Touch(w.fact(test.entitled))
			var ways []string
			for way := range reductions {
				if way != "ends a role on a day" || object.Type != access.TypeInstance { // whose roles do not end
					ways = append(ways, way)
				}
			}
			before, err := w.store.Head(t.Context())
			require.NoError(t, err)

			reduced := map[string]int{}
			var mu sync.Mutex
			for range 10 {
				w.past(appointed)
				for _, err := range atOnce(25, func(n int) error {
					victim, way := 1+n%5, ways[rand.IntN(len(ways))]
					actor := (victim + 1 + rand.IntN(5)) % 6 // anybody else
					err := reductions[way](w, operations.By{Actor: actors[actor]}, object, actors[victim], test.roles)
					if err == nil {
						mu.Lock()
						defer mu.Unlock()
						reduced[way]++
					}
					return err
				}) {
					lost := access.IsKind(err, access.Forbidden) || access.HasCode(err, "not_held") || access.HasCode(err, "not_found") || access.HasCode(err, "cleanup_under_way") // another came first
					assert.True(t, err == nil || lost || access.HasCode(err, "last_admin") || access.HasCode(err, "contended"), "got %v", err)
				}
			}
			assert.NotEmpty(t, reduced, "some succeeded")

			w.history(before, func(change access.Change, related map[access.Filter]access.Relationship) {
				whole := slices.ContainsFunc(actors, func(admin access.Object) bool {
					_, removed := related[access.Exactly(access.Relate(object, "removed", admin))]
					return !removed && !slices.ContainsFunc(power, func(relation string) bool {
						r, held := related[access.Exactly(access.Relate(object, relation, admin))]
						return !held || !r.EndsAt.IsZero()
					})
				})
				assert.True(t, whole, "nobody was admin after %v", change.Updates)
			})
		})
	}
}

// TestRivalRolesNeverMeet adds, changes, offers and shares the roles of each rivalry to one
// person at the same time. At no moment since did they hold two.
func TestRivalRolesNeverMeet(t *testing.T) {
	t.Parallel()
	for object, test := range map[string]struct {
		by    string
		roles []string
	}{
		"project:apollo":       {"carl", []string{"project_member", "project_admin"}},
		"customer_account:alp": {"olga", []string{"portal_read_only_user", "portal_technical_user", "portal_admin"}},
		"instance:tour":        {"tess", []string{"inventory_reader", "inventory_writer"}},
	} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.given(site...)
			w.given("customer_account:alp#platform@platform:gatehouse", "customer_account:alp#portal_admin@user:pia", "instance:tour#platform@platform:gatehouse",
				"instance:tour#company_admin@user:tess", "instance:tour#shareable_cockpit@user:*", "instance:tour#allowed@instance:visit", "instance:visit#member@user:ann")
			_, err := w.SignIn(t.Context(), access.Login{Issuer: "https://login.example", Subject: "ann", Email: address("ann"), EmailVerified: true})
			require.NoError(t, err)
			o, by, ann := w.object(object), w.by(test.by), w.person("ann")
			before, err := w.store.Head(t.Context())
			require.NoError(t, err)

			for range 8 {
				var token string
				if o.Type != access.TypeInstance {
					token = w.link(w.invite(test.by, "ann", object, test.roles[rand.IntN(len(test.roles))]))
				}
				for _, err := range atOnce(9, func(n int) (err error) {
					wanted := test.roles[n%len(test.roles)]
					level := map[string]roles.Level{"inventory_reader": roles.Read, "inventory_writer": roles.Write}[wanted]
					switch {
					case level != "" && n%3 == 0:
						_, err = w.Share(t.Context(), by, o, string(address("ann")), "visit", roles.Share{"inventory": level}, nil)
					case level != "" && n%3 == 1:
						_, _, err = w.ChangeShare(t.Context(), by, o, ann, roles.Share{"inventory": level}, nil)
					case level != "":
						_, err = w.Unshare(t.Context(), by, o, ann)
					case n == 8:
						_, err = w.Accept(t.Context(), operations.By{Actor: ann}, address("ann"), token)
					case n%4 == 3:
						_, err = w.Remove(t.Context(), by, o, ann)
					case n%2 == 0:
						_, err = w.ChangeRoles(t.Context(), by, o, ann, []string{wanted}, nil)
					default:
						_, err = w.Add(t.Context(), by, o, newcomer("ann"), []string{wanted}, nil)
					}
					return err
				}) {
					assert.True(t, err == nil || access.IsKind(err, access.NotFound) || access.HasCode(err, "contended"), "got %v", err)
				}
			}

			w.history(before, func(change access.Change, related map[access.Filter]access.Relationship) {
				held := 0
				for _, id := range test.roles {
					role, err := roles.Find(o.Type, id)
					require.NoError(t, err)
					if _, holds := related[access.Exactly(role.For(o, ann))]; holds {
						held++
					}
				}
				assert.LessOrEqual(t, held, 1, "after %v", change.Updates)
			})
		})
	}
}

// TestOnePersonUpgradedRemovedAndReactivatedAtOnce: no moment since shows a torn state.
// While Ann is removed she is given nothing, and she comes back with nothing but what the
// write that brought her back gives her.
func TestOnePersonUpgradedRemovedAndReactivatedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	ann, partner := w.person("ann"), w.object("partner:lex")
	removed, removing := access.Relate(partner, "removed", ann), access.Relate(partner, "removing", ann)
	add := func(by, object, roleID string) func() error {
		o, actor := w.object(object), w.by(by)
		return func() error {
			_, err := w.Add(t.Context(), actor, o, newcomer("ann"), []string{roleID}, nil)
			return err
		}
	}
	paula := w.by("paula")
	remove := func() error {
		if _, err := w.Remove(t.Context(), paula, partner, ann); err != nil {
			return err
		}
		return w.Tidy(t.Context(), paula, partner, ann)
	}
	at, err := w.store.Head(t.Context())
	require.NoError(t, err)

	for range 15 {
		for _, err := range atOnce(6, func(n int) error {
			return []func() error{
				add("pete", "project:apollo", "project_member"), add("paula", "client:acme", "client_admin"), remove,
				add("carl", "project:apollo", "project_admin"), add("paula", "project:apollo", "project_member"), remove,
			}[n]()
		}) {
			assert.True(t, err == nil || access.HasCode(err, "cleanup_under_way") || access.HasCode(err, "contended"), "got %v", err)
		}
	}

	reactivations, was := 0, false
	roleOf := func(r access.Relationship) bool { return r.Relation == "admin" || r.Relation == "member" }
	w.history(at, func(change access.Change, related map[access.Filter]access.Relationship) {
		_, is := related[access.Exactly(removed)]
		_, cleaning := related[access.Exactly(removing)]
		var held, given []access.Relationship
		for _, r := range related {
			if r.Subject.Object == ann && roleOf(r) {
				held = append(held, r)
			}
		}
		for _, u := range change.Updates {
			if u.Verb == access.Touch && roleOf(u.Relationship) {
				given = append(given, u.Relationship)
			}
		}
		if is {
			assert.Empty(t, given, "she was given a role while she was removed: %v", change.Updates)
		}
		if was && !is {
			reactivations++
			assert.ElementsMatch(t, given, held, "she came back with another role: %v", change.Updates)
			assert.False(t, cleaning, "she came back during the clean-up")
		}
		was = is
	})
	assert.Positive(t, reactivations)
}
