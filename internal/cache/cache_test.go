package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/schema"
)

// TestGrantsToOthersKeepHits: what changes for others, and what is created, leaves
// answers alone.
func TestGrantsToOthersKeepHits(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	w.do(r, granting("ann"))
	r.warm(t, "ann")
	before := r.counted(t, "gatehouse_cache_checks_total", "hit")
	for n := range 50 {
		w.do(r, granting(fmt.Sprintf("other%d", n)))
		created := access.Object{Type: access.TypeProject, ID: fmt.Sprintf("new%d", n)}
		write := access.Write{}
		write.Touch(access.Relate(created, "client", access.Object{Type: access.TypeClient, ID: "c"}))
		write.Require(access.MustNotMatch(access.Filter{}.To(created)))
		w.do(r, write)
		allowed, _ := r.ask(t, "ann")
		require.True(t, allowed)
	}
	assert.GreaterOrEqual(t, r.counted(t, "gatehouse_cache_checks_total", "hit")-before, 48.0, "of 50")
}

// TestStructureEmptiesTheCache: what hangs where concerns everybody.
func TestStructureEmptiesTheCache(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	w.do(r, granting("ann"))
	r.warm(t, "ann")
	w.write(r, access.Relate(project, "client", access.Object{Type: access.TypeClient, ID: "another"}))
	_, cached := r.ask(t, "ann")
	assert.False(t, cached)
}

// TestEndOfALeaf: an end set as an object was created is known of the person, for
// the object may be above others by the time they ask.
func TestEndOfALeaf(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	created := access.Object{Type: access.TypeProject, ID: "created"}
	role := access.Relate(created, "member", access.User("ann"))
	role.EndsAt = time.Now().Add(time.Hour).Truncate(time.Second)
	write := access.Write{}
	write.Touch(role)
	write.Require(access.MustNotMatch(access.Filter{}.To(created)))
	require.NotEmpty(t, write.Leaves())
	w.do(r, write)
	end, err := w.directory.FirstEnd(t.Context(), access.OfSubject(access.User("ann")))
	require.NoError(t, err)
	assert.True(t, role.EndsAt.Equal(end), "%s", end)
}

// TestUncacheable: what depends on more than epochs cover is computed each time.
func TestUncacheable(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	w.do(r, granting("ann"))
	r.warm(t, "ann")
	exact, group := mayView("ann"), mayView("ann")
	exact.Exact = true
	group.Subject = access.Subject{Object: project, Relation: "member"}
	for _, q := range []access.Check{exact, group} {
		for range 2 {
			d, err := r.Check(t.Context(), q)
			require.NoError(t, err)
			assert.False(t, d.Cached)
			answer := r.CheckBulk(t.Context(), []access.Check{q})[0]
			require.NoError(t, answer.Err)
			assert.False(t, answer.Decision.Cached)
		}
	}
	assert.InDelta(t, 8, r.counted(t, "gatehouse_cache_checks_total", "question"), 0)
}

// TestContextTellsQuestionsApart: only the same context, in whatever order, has the same answer.
func TestContextTellsQuestionsApart(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	w.do(r, granting("ann"))
	r.warm(t, "ann")
	with := func(context map[string]any) bool {
		q := mayView("ann")
		q.Context = context
		d, err := r.Check(t.Context(), q)
		require.NoError(t, err)
		assert.True(t, d.Allowed)
		return d.Cached
	}
	assert.False(t, with(map[string]any{"tenant": "a", "floor": 3.0}))
	assert.True(t, with(map[string]any{"floor": 3.0, "tenant": "a"}))
	assert.False(t, with(map[string]any{"floor": 4.0, "tenant": "a"}))
	assert.False(t, with(map[string]any{"floor": 3.0, "tenant": map[string]any{"a": nil}}))
	assert.True(t, with(nil), "without context, as before")
}

// TestBulk answers what single checks answer, from the cache the second time.
func TestBulk(t *testing.T) {
	w := newWorld(t)
	r := w.open(leased(t, time.Now))
	w.do(r, granting("ann"))
	unknown := mayView("ann")
	unknown.Permission = "fly"
	qs := []access.Check{mayView("bob"), unknown, mayView("ann")}
	for round := range 2 {
		answers := r.CheckBulk(t.Context(), qs)
		for n, q := range qs {
			d, err := w.Check(t.Context(), q)
			assert.Equal(t, err, answers[n].Err)
			assert.Equal(t, d.Allowed, answers[n].Decision.Allowed)
			assert.Equal(t, round == 1 && err == nil, answers[n].Decision.Cached)
		}
	}
}

// TestStoreDown: what cannot be validated is not given.
func TestStoreDown(t *testing.T) {
	w := newWorld(t)
	store := &altered{Store: leased(t, time.Now)}
	r := w.open(store)
	w.do(r, granting("ann"))
	r.warm(t, "ann")
	store.read = func(context.Context, []cache.Key) ([]cache.View, error) { return nil, errUnreachable }
	_, err := w.gateway.Write(t.Context(), revoking("ann"))
	require.NoError(t, err)
	allowed, cached := r.ask(t, "ann")
	assert.False(t, allowed || cached)
	answer := r.CheckBulk(t.Context(), []access.Check{mayView("ann")})[0]
	require.NoError(t, answer.Err)
	assert.False(t, answer.Decision.Allowed || answer.Decision.Cached)
}

// answers is an evaluator that says what it is told to.
type answers struct {
	cache.Evaluator
	decision access.Decision
	err      error
}

func (a answers) Check(context.Context, access.Check) (access.Decision, error) {
	return a.decision, a.err
}

// TestNeverKept: neither failures nor what depends on caveat context.
func TestNeverKept(t *testing.T) {
	w := newWorld(t)
	for _, a := range []answers{{decision: access.Decision{Conditional: true}}, {err: errors.New("no answer")}} {
		r := w.open(leased(t, time.Now), func(r *replica) { r.evaluator = a })
		for range 2 {
			d, err := r.Check(t.Context(), mayView("ann"))
			assert.Equal(t, a.err, err)
			assert.False(t, d.Cached)
		}
		assert.Zero(t, r.counted(t, "gatehouse_cache_checks_total", "hit"))
	}
}

// TestOtherTools: what zed writes is seen within W by whoever asks.
func TestOtherTools(t *testing.T) {
	w := newWorld(t)
	store := cache.NewMemory(time.Now)
	r := w.open(store)
	w.tail(r, store)
	for range 3 {
		w.write(w.gateway, member("ann"))
		require.Eventually(t, func() bool { allowed, _ := r.ask(t, "ann"); return allowed }, cache.W+time.Second, time.Millisecond)
		r.warm(t, "ann")
		_, err := w.gateway.Write(t.Context(), revoking("ann"))
		require.NoError(t, err)
		require.Eventually(t, func() bool { allowed, _ := r.ask(t, "ann"); return !allowed }, cache.W+time.Second, time.Millisecond)
	}
}

// TestLostPlace: a tailer that does not know what it missed empties the cache.
func TestLostPlace(t *testing.T) {
	w := newWorld(t)
	store := leased(t, time.Now) // its position names no moment of this SpiceDB
	r := w.open(store)
	before, err := store.Begin(t.Context(), []access.Reach{access.Everything})
	require.NoError(t, err)
	w.tail(r, store)
	require.Eventually(t, func() bool {
		now, err := store.Begin(t.Context(), []access.Reach{access.Everything})
		return err == nil && now[0].Nonce != before[0].Nonce
	}, 10*time.Second, 10*time.Millisecond)
	r.warm(t, "ann")
}

// TestForeignSchema: under a schema that reaches were not told by, nothing is kept
// for long and every write concerns everybody.
func TestForeignSchema(t *testing.T) {
	w := newWorld(t)
	store := cache.NewMemory(time.Now)
	r := w.open(store)
	w.tail(r, store)
	r.warm(t, "ann")
	require.NoError(t, w.gateway.ApplySchema(t.Context(), strings.Replace(schema.Text, "relation operator: user", "relation operator: user\n\trelation more: user", 1)))
	w.do(r, granting("bob"))
	assert.InDelta(t, 1, r.counted(t, "gatehouse_cache_bumps_total", "everything"), 0)
	require.Eventually(t, func() bool {
		views, err := store.Read(t.Context(), []cache.Key{{}})
		return err == nil && !views[0].Leased
	}, 2*cache.W, 10*time.Millisecond)
}

func BenchmarkHit(b *testing.B) {
	server := redistest.Start(b)
	redis := redisstore.Open(server.Config(), "bench")
	b.Cleanup(func() { _ = redis.Close() })
	for name, store := range map[string]cache.Store{"memory": cache.NewMemory(time.Now), "redis": redis} {
		b.Run(name, func(b *testing.B) {
			_ = store.SetPosition(b.Context(), "here")
			_, _ = store.Prove(b.Context(), time.Now().Add(time.Hour))
			yes := answers{decision: access.Decision{Allowed: true}}
			c := cache.New(yes, store, noEnds{}, time.Now, cache.NewMetrics(time.Now))
			b.Cleanup(func() { _ = c.Close() })
			for range 2 {
				_, _ = c.Check(b.Context(), mayView("ann"))
			}
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if d, err := c.Check(b.Context(), mayView("ann")); err != nil || !d.Cached {
						b.Error("no hit", err)
					}
				}
			})
		})
	}
}
