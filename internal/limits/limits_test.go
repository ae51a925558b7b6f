package limits_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/limits"
)

var tenASecond = limits.Rate{Count: 10, Per: time.Second}

// granted takes until there is none, and says how many there were.
func granted(take func() time.Duration) (n int) {
	for take() == 0 {
		n++
	}
	return n
}

func TestBucketIsEarnedAsTimePasses(t *testing.T) {
	now := time.Now()
	var b limits.Bucket
	take := func() time.Duration { return b.Take(tenASecond, now) }

	assert.Equal(t, 10, granted(take), "as many at once as there are in a period")
	assert.Equal(t, 100*time.Millisecond, take(), "until the next is earned")
	for range 1000 {
		take()
	}
	assert.Equal(t, 100*time.Millisecond, take(), "to be refused costs nothing")
	now = now.Add(100 * time.Millisecond)
	assert.Equal(t, 1, granted(take))
	now = now.Add(time.Hour)
	assert.Equal(t, 10, granted(take), "no more are saved up than there are in a period")

	b.Spend(tenASecond, 20, now)
	assert.Equal(t, 2100*time.Millisecond, take(), "what was spent in advance is waited for")
}

func TestBucketOfManyAtOnce(t *testing.T) {
	now := time.Now()
	var b limits.Bucket
	var n atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			n.Add(int64(granted(func() time.Duration { return b.Take(limits.Rate{Count: 10_000, Per: time.Hour}, now) })))
		})
	}
	running.Wait()
	assert.EqualValues(t, 10_000, n.Load())
}

func TestZeroLiftsALimit(t *testing.T) {
	var b limits.Bucket
	assert.Zero(t, b.Take(limits.Rate{}, time.Now()))
	b.Spend(limits.Rate{}, 7, time.Now())

	l := limits.New("", limits.Rate{Per: time.Hour}, time.Now)
	l.GiveBack("ann")
	assert.Zero(t, l.Take(t.Context(), "ann"))
	assert.Nil(t, limits.NewShared("", limits.Rate{Per: time.Hour}, &store{}, time.Now))

	g := limits.NewGate(0)
	assert.True(t, g.Enter(t.Context()))
	g.Leave()
	assert.Zero(t, g.Inside())
}

func TestKeysAreLimitedApart(t *testing.T) {
	now := time.Now()
	l := limits.New("", tenASecond, func() time.Time { return now })
	take := func(key string) func() time.Duration {
		return func() time.Duration { return l.Take(t.Context(), key) }
	}
	assert.Equal(t, 10, granted(take("ann")))
	assert.Equal(t, 10, granted(take("bob")))
	l.GiveBack("ann")
	assert.Equal(t, 1, granted(take("ann")))
}

// store is one that servers share, and that goes down.
type store struct {
	bucket limits.Bucket
	now    time.Time
	down   bool
}

func (s *store) Take(_ context.Context, _ string, r limits.Rate) (time.Duration, error) {
	if s.down {
		return 0, errors.New("down")
	}
	return s.bucket.Take(r, s.now), nil
}

// TestFallbackIsStricter: a server that cannot ask the store knows only what it has
// granted by itself.
func TestFallbackIsStricter(t *testing.T) {
	s := &store{now: time.Now()}
	one := limits.NewShared("", tenASecond, s, func() time.Time { return s.now })
	other := limits.NewShared("", tenASecond, s, func() time.Time { return s.now })
	take := func(l *limits.Limiter) func() time.Duration {
		return func() time.Duration { return l.Take(t.Context(), "ann") }
	}
	assert.Zero(t, one.Take(t.Context(), "ann"))
	assert.Zero(t, one.Take(t.Context(), "ann"))
	assert.Equal(t, 8, granted(take(other)), "of ten between them")

	s.down = true
	assert.Equal(t, 3, granted(take(one)), "of five, without those it had granted before")
	assert.Zero(t, granted(take(other)))
	s.now = s.now.Add(time.Hour)
	assert.Equal(t, 5, granted(take(one)))

	s.down = false
	assert.Equal(t, 10, granted(take(one)), "and again as many as before")

	least := limits.NewShared("", limits.Rate{Count: 1, Per: time.Hour}, &store{down: true}, time.Now)
	assert.Equal(t, 1, granted(take(least)), "nobody is left with nothing")
}

// TestLimitersRememberSoMany: a million addresses take no more memory than some.
func TestLimitersRememberSoMany(t *testing.T) {
	l := limits.New("", tenASecond, time.Now)
	before := heap()
	for n := range 1_000_000 {
		l.Take(t.Context(), fmt.Sprintf("198.51.%d", n))
	}
	grown := heap() - before
	assert.Less(t, grown, int64(32<<20), "bytes")
	runtime.KeepAlive(l)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limits.NewGate(2)
		require.True(t, g.Enter(t.Context()))
		require.True(t, g.Enter(t.Context()))
		assert.Equal(t, 2, g.Inside())

		var in, out atomic.Int64
		knock := func(ctx context.Context) {
			if g.Enter(ctx) {
				in.Add(1)
			} else {
				out.Add(1)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		go knock(t.Context())
		go knock(gone)
		synctest.Wait()
		begun := time.Now()
		assert.False(t, g.Enter(t.Context()), "two are inside, and two wait")
		assert.Zero(t, time.Since(begun), "which is said at once")

		leave()
		synctest.Wait()
		assert.EqualValues(t, 1, out.Load(), "whoever has left waits no more")
		go knock(t.Context())
		synctest.Wait()
		g.Leave()
		synctest.Wait()
		assert.EqualValues(t, 1, in.Load())
		assert.Equal(t, 2, g.Inside(), "the first to wait has taken the place")

		time.Sleep(time.Second)
		synctest.Wait()
		assert.EqualValues(t, 2, out.Load(), "nobody waits for longer than a second")
		g.Leave()
		g.Leave()
		assert.Zero(t, g.Inside())
	})
}
