package cache_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

// afterW asks once W has passed: by then, what anybody committed must show.
func (r *replica) afterW(t *testing.T, committed time.Time, who string) bool {
	t.Helper()
	time.Sleep(time.Until(committed.Add(cache.W)))
	allowed, _ := r.ask(t, who)
	return allowed
}

// deaf hears of no more changes once it is.
type deaf struct {
	access.Relationships
	is atomic.Bool
}

func (d *deaf) Watch(ctx context.Context, after access.Token) iter.Seq2[access.Change, error] {
	return func(yield func(access.Change, error) bool) {
		for c, err := range d.Relationships.Watch(ctx, after) {
			if d.is.Load() {
				<-ctx.Done()
				yield(access.Change{}, ctx.Err())
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// alive proves that somebody lives, and not what they have seen.
type alive struct{ cache.Evidence }

func (alive) Passed(context.Context, access.Token, access.Token) (bool, error) { return true, nil }

// provenAlive has another tool revoke what a tailer hears nothing of.
func provenAlive(t *testing.T, w *world, who string, seeded bool) bool {
	store, facts := cache.NewMemory(time.Now), &deaf{Relationships: w.gateway}
	r := w.open(store, func(r *replica) {
		if r.facts = facts; seeded {
			r.evidence = alive{r.evidence}
		}
	})
	w.write(w.gateway, member(who))
	w.tail(r, store)
	r.warm(t, who)
	facts.is.Store(true)
	_, err := w.gateway.Write(t.Context(), revoking(who))
	require.NoError(t, err)
	return r.afterW(t, time.Now(), who)
}

// leaseLast looks at the epochs while the tailer is away, and only once it has
// caught up at the lease.
func leaseLast(t *testing.T, w *world, who string, seeded bool) bool {
	now, pass := clock()
	memory := cache.NewMemory(now)
	prove := func() {
		known, err := memory.Prove(t.Context(), now().Add(cache.W))
		require.NoError(t, err)
		require.True(t, known)
	}
	require.NoError(t, memory.SetPosition(t.Context(), "here"))
	prove()
	store := &altered{Store: memory}
	r := w.open(store, func(r *replica) { r.now = now })
	w.write(w.gateway, member(who))
	r.warm(t, who)
	_, err := w.gateway.Write(t.Context(), revoking(who))
	require.NoError(t, err)
	pass(cache.W)
	store.read = func(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
		before, err := memory.Read(ctx, keys)
		require.NoError(t, err)
		require.NoError(t, memory.Catch(ctx, []access.Reach{access.OfSubject(access.User(who))}, ""))
		prove()
		after, err := memory.Read(ctx, keys)
		if seeded {
			after[0].Entry, after[0].Epochs = before[0].Entry, before[0].Epochs
		} else {
			after[0].Leased = before[0].Leased
		}
		return after, err
	}
	allowed, _ := r.ask(t, who)
	return allowed
}

// notedAtTheMark notes an attempt as done when it begins, so that nobody makes up
// for a writer that dies after its commit.
func notedAtTheMark(t *testing.T, w *world, who string, seeded bool) bool {
	memory := cache.NewMemory(time.Now)
	store := &altered{Store: memory, mark: lostMark}
	if seeded {
		store.mark = func(ctx context.Context, reaches []access.Reach, attempt string, _ time.Duration) error {
			_, err := memory.Bump(ctx, reaches, attempt)
			return err
		}
	}
	other := w.open(memory)
	w.tail(other, memory)
	w.do(other, granting(who))
	w.caughtUp(memory)
	r := w.open(store, func(r *replica) {
		r.facts = &committing{&starting{w.gateway, func() { other.warm(t, who) }}, func() error { return errUnreachable }}
	})
	_, err := r.Write(t.Context(), revoking(who))
	require.ErrorIs(t, err, errUnreachable)
	return other.afterW(t, time.Now(), who)
}

// retried is a write that is tried twice, and whose first try arrives last.
type retried struct {
	access.Relationships
	name   string // of both tries, if they have one
	first  *access.Write
	second func() // happened, and is not bumped yet
}

func (r *retried) Write(ctx context.Context, w access.Write) (access.Token, error) {
	if r.name != "" {
		w.Cause.Attempt = r.name
	}
	if r.first == nil {
		r.first = &w
		return "", errUnreachable
	}
	defer r.second()
	return r.Relationships.Write(ctx, w)
}

// retriedUnderOneName revokes, is not answered, and revokes again; before that is
// bumped, another grants. Then the first try arrives, which the tailer takes for the
// second.
func retriedUnderOneName(t *testing.T, w *world, who string, seeded bool) bool {
	memory := cache.NewMemory(time.Now)
	store := &altered{Store: memory, mark: lostMark}
	other := w.open(memory)
	w.tail(other, memory)
	w.do(other, granting(who))
	facts := &retried{Relationships: w.gateway, second: func() {
		w.do(other, granting(who))
		w.caughtUp(memory)
	}}
	if seeded {
		facts.name = "the only one"
		store.bump = func(ctx context.Context, reaches []access.Reach, _ string) (time.Duration, error) {
			return memory.Bump(ctx, reaches, facts.name)
		}
	}
	r := w.open(store, func(r *replica) { r.facts = facts })
	_, err := r.Write(t.Context(), revoking(who))
	require.ErrorIs(t, err, errUnreachable)
	w.do(r, revoking(who))
	other.warm(t, who)
	_, err = w.gateway.Write(t.Context(), *facts.first)
	require.NoError(t, err)
	return other.afterW(t, time.Now(), who)
}
