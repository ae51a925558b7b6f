package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

// slow holds an answer back until it is let go.
type slow struct {
	cache.Evaluator
	held, let chan struct{}
	first     atomic.Bool
}

func (s *slow) Check(ctx context.Context, c access.Check) (access.Decision, error) {
	d, err := s.Evaluator.Check(ctx, c)
	if s.first.CompareAndSwap(false, true) {
		close(s.held)
		<-s.let
	}
	return d, err
}

// flight is an evaluation that has begun, and whose answer is held back.
type flight struct {
	*replica
	evaluator *slow
	landed    chan struct{}
}

func (w *world) flight(store cache.Store, who string) *flight {
	f := &flight{evaluator: &slow{Evaluator: w, held: make(chan struct{}), let: make(chan struct{})}, landed: make(chan struct{})}
	f.replica = w.open(store, func(r *replica) { r.evaluator = f.evaluator })
	go func() { defer close(f.landed); _, _ = f.Check(w.t.Context(), mayView(who)) }()
	<-f.evaluator.held
	return f
}

// join asks the same, and lets the flight land if that waits for it.
func (f *flight) join(t *testing.T, who string) (allowed bool) {
	t.Helper()
	release := time.AfterFunc(300*time.Millisecond, func() { close(f.evaluator.let) })
	allowed, _ = f.ask(t, who)
	<-f.landed
	release.Stop()
	return allowed
}

// sharedWithoutLease joins an evaluation that began before a write whose bump failed.
func sharedWithoutLease(t *testing.T, w *world, who string, seeded bool) bool {
	memory := cache.NewMemory(time.Now)
	store := &altered{Store: memory, mark: lostMark}
	if seeded {
		store.read = func(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
			views, err := memory.Read(ctx, keys)
			for n := range views {
				views[n].Leased = true
			}
			return views, err
		}
	}
	w.write(w.gateway, member(who))
	before := w.flight(store, who)
	store.bump = func(context.Context, []access.Reach, string) (time.Duration, error) { return 0, errUnreachable }
	w.do(before.replica, revoking(who))
	return before.join(t, who)
}

// seeing is a store whose epochs look otherwise than they are.
func seeing(s cache.Store, otherwise func(*cache.Epoch)) *altered {
	a := &altered{Store: s}
	a.read = func(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
		views, err := a.Store.Read(ctx, keys)
		for n := range views {
			for e := range views[n].Epochs {
				otherwise(&views[n].Epochs[e])
			}
		}
		return views, err
	}
	return a
}

// sharedWhilePending joins an evaluation that began during a write, after that was
// acknowledged, because now another is under way.
func sharedWhilePending(t *testing.T, w *world, who string, seeded bool) bool {
	store := seeing(leased(t, time.Now), func(e *cache.Epoch) {
		if seeded && e.Pending {
			*e = cache.Epoch{Nonce: "pending"}
		}
	})
	other := w.open(store)
	w.do(other, granting(who))
	other.warm(t, who) // so that no epoch is missing
	var during *flight
	r := w.open(store, func(r *replica) {
		r.facts = &starting{w.gateway, func() { during = w.flight(store, who) }}
	})
	w.do(r, revoking(who))
	require.NoError(t, store.Mark(t.Context(), []access.Reach{access.OfSubject(access.User(who))}, "another", time.Minute))
	return during.join(t, who)
}

// sharedWhileMissing joins an evaluation that found an epoch missing before a write,
// because now it is missing again.
func sharedWhileMissing(t *testing.T, w *world, who string, seeded bool) bool {
	store := seeing(leased(t, time.Now), func(e *cache.Epoch) {
		if seeded && e.Nonce == "" {
			e.Nonce = "missing"
		}
	})
	w.write(w.gateway, member(who))
	before := w.flight(store, who)
	w.do(before.replica, revoking(who))
	store.Store = leased(t, time.Now) // all is lost
	return before.join(t, who)
}

// keptWhilePending keeps an answer found during a write whose writer dies, until its
// mark has run out. Meanwhile whoever asks hears the truth.
func keptWhilePending(t *testing.T, w *world, who string, seeded bool) bool {
	now, pass := clock()
	memory := leased(t, now)
	r := w.open(memory, func(r *replica) { r.now = now })
	early := w.open(seeing(memory, func(e *cache.Epoch) { e.Pending = e.Pending && !seeded }), func(r *replica) { r.now = now })
	w.do(r, granting(who))
	r.warm(t, who) // so that no epoch is missing
	writer := w.open(memory, func(r *replica) {
		asked := &starting{w.gateway, func() { early.ask(t, who) }}
		r.facts, r.now = &committing{asked, func() error { return errUnreachable }}, now
	})
	_, err := writer.Write(t.Context(), revoking(who))
	require.ErrorIs(t, err, errUnreachable)
	allowed, _ := r.ask(t, who)
	require.False(t, allowed)
	pass(11 * time.Second)
	allowed, _ = r.ask(t, who)
	return allowed
}
