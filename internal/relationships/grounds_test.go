package relationships_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
)

// world is a random small world: partners, clients and projects, of which some
// hang from several parents, and instances that allow each other.
type world struct {
	t      *rapid.T
	facts  []access.Relationship
	people int
}

func draw(t *rapid.T) world {
	w := world{t: t, people: rapid.IntRange(1, 3).Draw(t, "people")}
	w.cast(access.Platform, "operator", "support")
	partners := w.objects(access.TypePartner, "platform", []access.Object{access.Platform}, "admin", "removed")
	clients := w.objects(access.TypeClient, "partner", partners, "admin")
	w.objects(access.TypeProject, "client", clients, "admin", "member")
	w.instances()
	return w
}

// objects draws some objects, each with a parent or two, and who is what on them.
func (w *world) objects(objectType, tie string, parents []access.Object, relations ...string) []access.Object {
	var drawn []access.Object
	for n := range rapid.IntRange(1, 2).Draw(w.t, objectType+"s") {
		o := access.Object{Type: objectType, ID: fmt.Sprint(n)}
		for _, parent := range rapid.SliceOfNDistinct(rapid.SampledFrom(parents), 1, len(parents), rapid.ID).Draw(w.t, "parents") {
			w.facts = append(w.facts, access.Relate(o, tie, parent))
		}
		w.cast(o, relations...)
		drawn = append(drawn, o)
	}
	return drawn
}

// instances draws three of them; the first may share with the others.
func (w *world) instances() {
	for n := range 3 {
		o := access.Object{Type: access.TypeInstance, ID: fmt.Sprint(n)}
		w.cast(o, "company_admin", "member", "inventory_reader")
		if n > 0 && rapid.Bool().Draw(w.t, "allowed") {
			w.facts = append(w.facts, access.Relate(access.Object{Type: access.TypeInstance, ID: "0"}, "allowed", o))
		}
		if rapid.Bool().Draw(w.t, "shareable") {
			w.facts = append(w.facts, access.Relate(o, "shareable_cockpit", access.User("*")))
		}
	}
}

func (w *world) cast(object access.Object, relations ...string) {
	for _, relation := range relations {
		for n := range w.people {
			if rapid.IntRange(0, 2).Draw(w.t, "holds if 0") == 0 {
				w.facts = append(w.facts, access.Relate(object, relation, access.User(fmt.Sprint("user", n))))
			}
		}
	}
}

// questions are permissions that follow from relations, arrows, unions,
// intersections, exclusions and flags.
var questions = map[string][]string{
	access.TypePlatform: {"operate", "assist"},
	access.TypePartner:  {"administer", "manage_people", "add_partner_admin"},
	access.TypeClient:   {"administer", "manage_people", "add_client_admin"},
	access.TypeProject:  {"administer", "manage_people", "view", "read"},
	access.TypeInstance: {"grant_share", "guest", "view_inventory", "open_cockpit"},
}

// TestGroundsHoldAsLongAsTheAnswer, in any world: Grounds allows what Check
// allows; a write that carries the grounds commits while the world stands; and
// any one change that takes the permission away makes that write fail.
func TestGroundsHoldAsLongAsTheAnswer(t *testing.T) {
	g, engine := start(t)
	rapid.Check(t, func(t *rapid.T) {
		empty(t, g)
		world := draw(t)
		write(t, g, touching(world.facts...))
		objects := []access.Object{access.Platform}
		for _, fact := range world.facts {
			if !slices.Contains(objects, fact.Resource) {
				objects = append(objects, fact.Resource)
			}
		}
		object := rapid.SampledFrom(objects).Draw(t, "object")
		c := access.Check{
			Resource:   object,
			Permission: rapid.SampledFrom(questions[object.Type]).Draw(t, "permission"),
			Subject:    access.Subject{Object: access.User(fmt.Sprint("user", rapid.IntRange(0, world.people-1).Draw(t, "subject")))},
		}

		allowed, grounds, err := g.Grounds(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, check(t, engine, c), allowed)
		if !allowed {
			require.Empty(t, grounds, "a denial has no grounds")
			return
		}
		resting := touching(access.Relate(project("mark"), "member", access.User("mark")))
		resting.Require(grounds...)
		write(t, g, resting)

		for _, fact := range world.facts {
			if fact.Subject.Type == access.TypeUser && fact.Subject.ID != c.Subject.ID && fact.Subject.ID != "*" {
				continue // about somebody else
			}
			changed(t, g, engine, c, resting, deleting(fact), touching(fact))
		}
		for _, object := range objects {
			tombstone := access.Relate(object, "removed", c.Subject.Object)
			if object.Type == access.TypePartner && !slices.Contains(world.facts, tombstone) {
				changed(t, g, engine, c, resting, touching(tombstone), deleting(tombstone))
			}
		}
	})
}

// changed makes a change, sees that the write fails if the change took the
// permission away, and takes the change back.
func changed(t *rapid.T, g *relationships.Gateway, engine *spicedb.Server, c access.Check, resting, change, back access.Write) {
	write(t, g, change)
	if !check(t, engine, c) {
		_, err := g.Write(t.Context(), resting)
		require.ErrorIs(t, err, access.ErrPreconditionFailed, "after %v, on the grounds %v", change.Updates, resting.Preconditions)
	}
	write(t, g, back)
}

// TestAFlagIsAGround although it is related to everyone and not to the subject.
func TestAFlagIsAGround(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	account := access.Object{Type: access.TypeCustomerAccount, ID: "nord"}
	admin := access.Relate(account, "portal_admin", access.User("pia"))
	flag := access.Relate(account, "direct_contract", access.User("*"))
	_, err := g.Write(t.Context(), touching(admin, flag))
	require.NoError(t, err)

	allowed, grounds, err := g.Grounds(t.Context(), access.Check{Resource: account, Permission: "order_service", Subject: access.Subject{Object: access.User("pia")}})
	require.NoError(t, err)
	assert.True(t, allowed)
	assert.ElementsMatch(t, []access.Precondition{access.MustMatch(access.Exactly(admin)), access.MustMatch(access.Exactly(flag))}, grounds)
}

func TestADenialHasNoGrounds(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	for name, c := range map[string]access.Check{
		"nobody":  {Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: access.User("ann")}},
		"nowhere": {Resource: project("nowhere"), Permission: "view", Subject: access.Subject{Object: access.User("ann")}},
	} {
		allowed, grounds, err := g.Grounds(t.Context(), c)
		require.NoError(t, err, name)
		assert.False(t, allowed, name)
		assert.Empty(t, grounds, name)
	}
	_, _, err := g.Grounds(t.Context(), access.Check{Resource: project("apollo"), Permission: "demolish", Subject: access.Subject{Object: access.User("ann")}})
	assert.True(t, access.HasCode(err, "unknown_permission"), "got %v", err)
}

func check(t *rapid.T, engine *spicedb.Server, c access.Check) bool {
	decision, err := engine.Check(t.Context(), c)
	require.NoError(t, err)
	return decision.Allowed
}

func write(t *rapid.T, g *relationships.Gateway, w access.Write) {
	_, err := g.Write(t.Context(), w)
	require.NoError(t, err)
}

// empty deletes whatever the last world left.
func empty(t *rapid.T, g *relationships.Gateway) {
	var filters []access.Filter
	for objectType := range questions {
		filters = append(filters, access.Filter{ResourceType: objectType})
	}
	found, _, err := g.Read(t.Context(), filters...)
	require.NoError(t, err)
	if len(found) > 0 {
		write(t, g, deleting(found...))
	}
}
