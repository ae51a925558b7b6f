package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

// counting counts evaluations. Before the next, something may happen.
type counting struct {
	cache.Evaluator
	n      atomic.Int64
	before atomic.Pointer[func()]
}

func (c *counting) Check(ctx context.Context, q access.Check) (access.Decision, error) {
	if before := c.before.Swap(nil); before != nil {
		(*before)()
	}
	c.n.Add(1)
	return c.Evaluator.Check(ctx, q)
}

// watched is a replica whose evaluations are counted, and that has kept an answer.
func (w *world) watched(t *testing.T, store cache.Store, who string) (*replica, *counting) {
	t.Helper()
	evaluator := &counting{Evaluator: w}
	r := w.open(store, func(r *replica) { r.evaluator = evaluator })
	w.do(r, granting(who))
	r.warm(t, who)
	return r, evaluator
}

// sample asks until a hit is computed all the same, which happens to one at a time.
func (r *replica) sample(t *testing.T, who string, evaluator *counting) {
	t.Helper()
	r.warm(t, who)
	before := evaluator.n.Load()
	require.Eventually(t, func() bool {
		for range 500 {
			r.ask(t, who)
		}
		return evaluator.n.Load() > before
	}, cache.W+10*time.Second, 10*time.Millisecond)
}

func (r *replica) disagreements(t *testing.T) float64 {
	t.Helper()
	return r.counted(t, "gatehouse_cache_disagreements_total", "")
}

// TestSamples: one hit in a thousand is computed all the same.
func TestSamples(t *testing.T) {
	evaluator := &counting{Evaluator: answers{decision: access.Decision{Allowed: true}}}
	r := newWorld(t).open(leased(t, time.Now), func(r *replica) { r.evaluator = evaluator })
	r.warm(t, "ann")
	before := evaluator.n.Load()
	const hits = 100_000
	for range hits {
		_, cached := r.ask(t, "ann")
		require.True(t, cached)
	}
	samples := evaluator.n.Load() - before
	assert.Greater(t, samples, int64(hits/1000/4), "fewer, because it is one at a time")
	assert.Less(t, samples, int64(hits/1000*2))
	assert.Zero(t, r.disagreements(t), "they agree")
}

// TestDisagreement: an answer that is wrong though by the rules it holds is counted,
// once W is over in which a change of other tools might have shown.
func TestDisagreement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, evaluator := w.watched(t, leased(t, time.Now), "ann")
	_, err := w.gateway.Write(t.Context(), revoking("ann")) // no tailer catches it, and yet there is a lease
	require.NoError(t, err)
	r.sample(t, "ann", evaluator)
	assert.Zero(t, r.disagreements(t), "not yet")
	require.Eventually(t, func() bool { return r.disagreements(t) > 0 }, cache.W+10*time.Second, 10*time.Millisecond)
	assert.InDelta(t, 1, r.disagreements(t), 0)
}

// TestChangeDuringASample: answers from before and after a change, whoever made it,
// are no disagreement.
func TestChangeDuringASample(t *testing.T) {
	w := newWorld(t)
	for name, by := range map[string]func(w *world, r *replica) access.Relationships{
		"a-server":    func(_ *world, r *replica) access.Relationships { return r.Writer },
		"other-tools": func(w *world, _ *replica) access.Relationships { return w.gateway },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := cache.NewMemory(time.Now)
			tailer := w.open(store)
			w.tail(tailer, store)
			r, evaluator := w.watched(t, store, name)
			w.caughtUp(store)
			r.warm(t, name)
			change := func() { _, err := by(w, r).Write(t.Context(), revoking(name)); assert.NoError(t, err) }
			evaluator.before.Store(&change)
			r.sample(t, name, evaluator)
			require.Eventually(t, func() bool { allowed, _ := r.ask(t, name); return !allowed }, 2*cache.W, 10*time.Millisecond, "what other tools write is seen within W")
			r.sample(t, name, evaluator) // so the first is over
			assert.Zero(t, r.disagreements(t))
		})
	}
}
