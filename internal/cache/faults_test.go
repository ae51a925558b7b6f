package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/schema"
)

var errUnreachable = errors.New("the store cannot be reached")

// altered is a store with some of its methods replaced.
type altered struct {
	cache.Store
	read func(ctx context.Context, keys []cache.Key) ([]cache.View, error)
	mark func(ctx context.Context, reaches []access.Reach, attempt string, life time.Duration) error
	bump func(ctx context.Context, reaches []access.Reach, attempt string) (time.Duration, error)
}

func (a *altered) Read(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
	if a.read != nil {
		return a.read(ctx, keys)
	}
	return a.Store.Read(ctx, keys)
}

func (a *altered) Mark(ctx context.Context, reaches []access.Reach, attempt string, life time.Duration) error {
	if a.mark != nil {
		return a.mark(ctx, reaches, attempt, life)
	}
	return a.Store.Mark(ctx, reaches, attempt, life)
}

func (a *altered) Bump(ctx context.Context, reaches []access.Reach, attempt string) (time.Duration, error) {
	if a.bump != nil {
		return a.bump(ctx, reaches, attempt)
	}
	return a.Store.Bump(ctx, reaches, attempt)
}

func lostMark(context.Context, []access.Reach, string, time.Duration) error { return nil }

// committing stops writes between their commit and its acknowledgement.
type committing struct {
	access.Relationships
	committed func() error
}

func (c *committing) Write(ctx context.Context, w access.Write) (access.Token, error) {
	at, err := c.Relationships.Write(ctx, w)
	if err == nil && len(w.Updates) > 0 && c.committed != nil {
		err = c.committed()
	}
	return at, err
}

// TestSeededFaults breaks each rule of the protocol, by its name in the model, and
// shows that this brings about what the rule prevents: nothing else here does.
func TestSeededFaults(t *testing.T) {
	w := newWorld(t)
	for name, faulty := range map[string]struct {
		// stale plays a scenario and reports whether it ends with an answer that
		// should not have been given.
		stale func(t *testing.T, w *world, who string, seeded bool) bool
	}{
		"a-nomark-p3":  {inFlight(func(m cache.Store) cache.Store { return &altered{Store: m, mark: lostMark} })},
		"a-design-p3":  {singleSlot},
		"a-mark-keeps": {markKeeps},
		"b-bump-lost":  {bumpLost},
		"b-cas":        {bumpOnlyMarked},
		"b-noop-crash": {settledSilently},
		"b-noop-exp":   {settledPastTheMark},
		"c-live-fail":  {acknowledgedEarly},
		"c-live-zed":   {provenAlive},
		"c-order-zed":  {leaseLast},
		"d-mkmark":     {notedAtTheMark},
		"d-retry-same": {retriedUnderOneName},
		"f-pending":    {sharedWhilePending},
		"f-kept":       {keptWhilePending},
		"f-missing":    {sharedWhileMissing},
		"f-unleased":   {sharedWithoutLease},
		"g-schema":     {classifiedBefore},
		"ends-ignored": {endsIgnored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.False(t, faulty.stale(t, w, name+"-whole", false), "as it is")
			assert.True(t, faulty.stale(t, w, name+"-broken", true), "with the fault")
		})
	}
}

// inFlight asks between a revocation's commit and its bump, first SpiceDB and then
// the cache: who has heard no must not hear yes after.
func inFlight(fault func(cache.Store) cache.Store) func(*testing.T, *world, string, bool) bool {
	return func(t *testing.T, w *world, who string, seeded bool) (stale bool) {
		var store cache.Store = leased(t, time.Now)
		if seeded {
			store = fault(store)
		}
		facts := &committing{Relationships: w.gateway}
		r := w.open(store, func(r *replica) { r.facts = facts })
		w.do(r, granting(who))
		r.warm(t, who)
		facts.committed = func() error { stale, _ = r.ask(t, who); return nil }
		w.do(r, revoking(who))
		return stale
	}
}

// singleSlot has another write begin and end while a revocation has not committed: if
// there is room for one mark alone, the revocation's is gone.
func singleSlot(t *testing.T, w *world, who string, seeded bool) (stale bool) {
	memory := leased(t, time.Now)
	marks := map[access.Reach]string{}
	store := &altered{Store: memory}
	if seeded {
		store.mark = func(ctx context.Context, reaches []access.Reach, attempt string, life time.Duration) error {
			for _, r := range reaches {
				if before := marks[r]; before != "" {
					_, _ = memory.Bump(ctx, []access.Reach{r}, before)
				}
				marks[r] = attempt
			}
			return memory.Mark(ctx, reaches, attempt, life)
		}
	}
	other := w.open(store)
	w.do(other, granting(who))
	overlaps := &starting{w.gateway, func() {
		w.do(other, granting(who))
		for range 2 {
			_, _ = other.ask(t, who)
		}
	}}
	asked := func() error { stale, _ = other.ask(t, who); return nil }
	r := w.open(store, func(r *replica) { r.facts = &committing{overlaps, asked} })
	w.do(r, revoking(who))
	return stale
}

// starting stops writes before their commit.
type starting struct {
	access.Relationships
	starts func()
}

func (s *starting) Write(ctx context.Context, w access.Write) (access.Token, error) {
	s.starts()
	return s.Relationships.Write(ctx, w)
}

// clock is one that can be put forward.
func clock() (now access.Clock, pass func(time.Duration)) {
	var ahead atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, func(d time.Duration) { ahead.Add(int64(d)) }
}

// markKeeps lets the writer die after its commit, and its mark run out.
func markKeeps(t *testing.T, w *world, who string, seeded bool) bool {
	now, pass := clock()
	memory := leased(t, now)
	store := &altered{Store: memory}
	var until time.Time
	if seeded {
		store.mark = func(_ context.Context, _ []access.Reach, _ string, life time.Duration) error {
			until = now().Add(life)
			return nil
		}
		store.read = func(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
			views, err := memory.Read(ctx, keys)
			for n := range views {
				views[n].Epochs[0].Pending = views[n].Epochs[0].Pending || now().Before(until)
			}
			return views, err
		}
	}
	facts := &committing{Relationships: w.gateway}
	r := w.open(store, func(r *replica) { r.facts, r.now = facts, now })
	w.do(r, granting(who))
	pass(11 * time.Second)
	r.warm(t, who)
	facts.committed = func() error { return errUnreachable }
	_, err := r.Write(t.Context(), revoking(who))
	require.ErrorIs(t, err, errUnreachable)
	allowed, _ := r.ask(t, who)
	require.False(t, allowed, "the mark holds")
	pass(11 * time.Second)
	allowed, _ = r.ask(t, who)
	return allowed
}

// revokedAfter warms a cache, revokes, and asks.
func revokedAfter(t *testing.T, w *world, store cache.Store, who string) bool {
	r := w.open(store)
	w.do(r, granting(who))
	r.warm(t, who)
	w.do(r, revoking(who))
	allowed, _ := r.ask(t, who)
	return allowed
}

// bumpLost relies on the mark alone, which may be lost.
func bumpLost(t *testing.T, w *world, who string, seeded bool) bool {
	store := &altered{Store: leased(t, time.Now), mark: lostMark}
	if seeded {
		store.bump = func(context.Context, []access.Reach, string) (time.Duration, error) { return 0, nil }
	}
	return revokedAfter(t, w, store, who)
}

// bumpOnlyMarked bumps only what its mark is still on.
func bumpOnlyMarked(t *testing.T, w *world, who string, seeded bool) bool {
	memory := leased(t, time.Now)
	store := &altered{Store: memory, mark: lostMark}
	if seeded {
		store.bump = func(ctx context.Context, reaches []access.Reach, attempt string) (time.Duration, error) {
			epochs, err := memory.Begin(ctx, reaches)
			if err != nil || !epochs[0].Pending {
				return 0, err
			}
			return memory.Bump(ctx, reaches, attempt)
		}
	}
	return revokedAfter(t, w, store, who)
}

// settledSilently revokes what another revoked already, who has not come to bump.
func settledSilently(t *testing.T, w *world, who string, seeded bool) (stale bool) {
	store := &altered{Store: leased(t, time.Now), mark: lostMark}
	facts := &committing{Relationships: w.gateway}
	r, other := w.open(store, func(r *replica) { r.facts = facts }), w.open(store)
	w.do(r, granting(who))
	r.warm(t, who)
	facts.committed = func() error {
		var nothing access.Write
		if !seeded {
			nothing.Settle(member(who))
		}
		w.do(other, nothing)
		stale, _ = other.ask(t, who)
		return nil
	}
	w.do(r, revoking(who))
	return stale
}

// settledPastTheMark does so once the mark of a commit that takes long has run out.
func settledPastTheMark(t *testing.T, w *world, who string, seeded bool) (stale bool) {
	now, pass := clock()
	store := leased(t, now)
	other := w.open(store, func(r *replica) { r.now = now })
	w.write(w.gateway, member(who))
	slow := &starting{w.gateway, func() {
		pass(11 * time.Second)
		other.warm(t, who)
	}}
	facts := &committing{slow, func() error {
		var nothing access.Write
		if !seeded {
			nothing.Settle(member(who))
		}
		w.do(other, nothing)
		stale, _ = other.ask(t, who)
		return nil
	}}
	r := w.open(store, func(r *replica) { r.facts, r.now = facts, now })
	w.do(r, revoking(who))
	return stale
}

// acknowledgedEarly acknowledges though the bump failed and the lease goes on, as one
// does that proves only that the tailer is alive.
func acknowledgedEarly(t *testing.T, w *world, who string, seeded bool) bool {
	memory := cache.NewMemory(time.Now)
	require.NoError(t, memory.SetPosition(t.Context(), "here"))
	lease := func(d time.Duration) {
		_, err := memory.Prove(t.Context(), time.Now().Add(d))
		require.NoError(t, err)
	}
	store := &altered{Store: memory, mark: lostMark}
	r := w.open(store)
	w.do(r, granting(who))
	lease(cache.W)
	r.warm(t, who)
	store.bump = func(context.Context, []access.Reach, string) (time.Duration, error) { return 0, errUnreachable }
	if seeded {
		lease(time.Minute)
	}
	w.do(r, revoking(who))
	assert.InDelta(t, 1, r.counted(t, "gatehouse_cache_waited_out_total", ""), 0)
	allowed, _ := r.ask(t, who)
	return allowed
}

// unchanging takes the schema for what it was.
type unchanging struct{}

func (unchanging) InForce(context.Context, access.Token) (bool, error) { return true, nil }

// classifiedBefore has the schema change between a look at what a write reaches and
// its commit: somebody's deputies may do what they may, from now on.
func classifiedBefore(t *testing.T, _ *world, who string, seeded bool) bool {
	w := newWorld(t) // whose schema is its own
	w.write(w.gateway, member(who))
	deputy := who + "-deputy"
	facts := &starting{Relationships: w.gateway}
	r := w.open(leased(t, time.Now), func(r *replica) {
		if r.facts = facts; seeded {
			r.schema = unchanging{}
		}
	})
	facts.starts = func() {
		require.NoError(t, w.gateway.ApplySchema(t.Context(), strings.NewReplacer(
			"permission manage_profile", "relation deputy: user\n\tpermission manage_profile",
			"permission view = (member", "permission view = member->deputy + (member",
		).Replace(schema.Text)))
		w.write(w.gateway, access.Relate(access.User(who), "deputy", access.User(deputy)))
		r.warm(t, deputy)
		allowed, _ := r.ask(t, deputy)
		require.True(t, allowed)
	}
	w.do(r, revoking(who))
	allowed, _ := r.ask(t, deputy)
	return allowed
}

// noEnds knows of no end.
type noEnds struct{ access.Ends }

func (noEnds) FirstEnd(context.Context, ...access.Reach) (time.Time, error) { return time.Time{}, nil }

// endsIgnored asks for a role just after its end, by clocks that agree.
func endsIgnored(t *testing.T, w *world, who string, seeded bool) bool {
	r := w.open(leased(t, time.Now), func(r *replica) {
		if seeded {
			r.ends = noEnds{r.ends}
		}
	})
	role := member(who)
	role.EndsAt = time.Now().Add(3 * time.Second).Truncate(time.Second)
	w.write(r, role)
	r.warm(t, who)
	time.Sleep(time.Until(role.EndsAt.Add(50 * time.Millisecond)))
	allowed, _ := r.ask(t, who)
	return allowed
}
