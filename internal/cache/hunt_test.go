package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/config"
)

// huntTime is how long to hunt: GATEHOUSE_TEST_HUNT, or long enough for a test.
func huntTime(t *testing.T) time.Duration {
	t.Helper()
	if said := os.Getenv("GATEHOUSE_TEST_HUNT"); said != "" {
		d, err := time.ParseDuration(said)
		require.NoError(t, err)
		return d
	}
	return 6 * time.Second
}

// hunt grants and revokes through one replica while all are asked: whatever begins
// after a write was acknowledged must see it.
type hunt struct {
	t        *testing.T
	replicas []*replica
	rest     time.Duration // of a writer before each write, at most

	checks, hits, revocations, staleAllows, staleDenials, failures atomic.Int64

	mu      sync.Mutex
	slowest time.Duration // of the checks
	history []porcupine.Operation
}

// recorded bounds how many checks are searched for an order, for each subject.
const recorded = 400

// writers own one subject each, so that each knows what it did last.
const writers = 12

func (h *hunt) run(d time.Duration) {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	var writing, asking sync.WaitGroup
	until := time.Now().Add(d)
	for n := range writers {
		writing.Go(func() { h.write(n, until) })
	}
	for range writers {
		asking.Go(func() {
			for ctx.Err() == nil {
				h.check(rand.N(writers), rand.N(len(h.replicas)), -1) // whatever the answer
			}
		})
	}
	writing.Wait()
	stop()
	asking.Wait()
	h.t.Logf("%d checks, %d hits, %d revocations, %d failures of writes and checks; the slowest check took %s",
		h.checks.Load(), h.hits.Load(), h.revocations.Load(), h.failures.Load(), h.slowest)
	assert.Zero(h.t, h.staleAllows.Load(), "stale allows")
	assert.Zero(h.t, h.staleDenials.Load(), "stale denials")
}

func (h *hunt) write(n int, until time.Time) {
	for time.Now().Before(until) {
		if h.set(n, true) {
			for range 3 {
				for r := range h.replicas {
					if allowed, err := h.check(n, r, 1); err == nil && !allowed {
						h.staleDenials.Add(1)
					}
				}
			}
		}
		if h.set(n, false) {
			h.revocations.Add(1)
			for range 3 {
				for r := range h.replicas {
					if allowed, _ := h.check(n, r, 0); allowed {
						h.staleAllows.Add(1)
					}
				}
			}
		}
	}
}

func subject(n int) string { return fmt.Sprintf("u%d", n) }

// set grants or revokes through any replica, and says whether it was acknowledged.
func (h *hunt) set(n int, allowed bool) bool {
	write := revoking(subject(n))
	if allowed {
		write = granting(subject(n))
	}
	time.Sleep(rand.N(h.rest + 1))
	call := time.Now()
	_, err := h.replicas[rand.N(len(h.replicas))].Write(h.t.Context(), write)
	if err != nil {
		h.failures.Add(1)
		return false
	}
	h.record(n, n, call, step{set: true, allowed: allowed}, allowed)
	return true
}

// check asks a replica. Answers that the caller does not compare are recorded all the same.
func (h *hunt) check(n, r, want int) (bool, error) {
	call := time.Now()
	d, err := h.replicas[r].Check(h.t.Context(), mayView(subject(n)))
	if err != nil {
		h.failures.Add(1)
		return false, err
	}
	h.checks.Add(1)
	if d.Cached {
		h.hits.Add(1)
	}
	h.record(n, 100+r*2+min(want, 0), call, step{}, d.Allowed)
	return d.Allowed, nil
}

// step is a write of a role, or a check for it.
type step struct {
	set     bool
	allowed bool
	subject int
}

var began = time.Now()

func (h *hunt) record(n, client int, call time.Time, s step, allowed bool) {
	s.subject = n
	done := time.Since(began)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.set {
		h.slowest = max(h.slowest, done-call.Sub(began))
	}
	if s.set || len(h.history) < recorded*writers { // a check may have seen a write that ends later
		h.history = append(h.history, porcupine.Operation{
			ClientId: client, Input: s, Call: int64(call.Sub(began)), Output: allowed, Return: int64(done),
		})
	}
}

// role is a register for each subject.
var role = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, writers)
		for _, o := range all {
			n := o.Input.(step).subject
			parts[n] = append(parts[n], o)
		}
		return parts
	},
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		s := input.(step)
		if s.set {
			return true, s.allowed
		}
		return output == state, state
	},
}

// ordered looks for an order of what was recorded in which every check sees the last
// write. Not to know is to fail.
func (h *hunt) ordered() {
	h.t.Helper()
	assert.Equal(h.t, porcupine.Ok, porcupine.CheckOperationsTimeout(role, h.history, time.Minute))
}

func TestHunt(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		w := newWorld(t)
		store := cache.NewMemory(time.Now)
		r := w.open(store)
		w.tail(r, store)
		h := &hunt{t: t, replicas: []*replica{r}}
		r.warm(t, "bystander")
		h.run(huntTime(t) / 2)
		h.ordered()
		assert.Positive(t, h.hits.Load())
	})
	// Where writers rest, readers find near what they found before.
	for name, rest := range map[string]time.Duration{"redis": 0, "redis, at rest": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			w, server := newWorld(t), redistest.Start(t)
			h := &hunt{t: t, replicas: w.three(server.Config()), rest: rest}
			h.run(huntTime(t))
			h.ordered()
			assert.Positive(t, h.hits.Load())
			assert.Zero(t, h.failures.Load())
		})
	}
}

// three are replicas that share a Redis, each with connections of its own.
func (w *world) three(at config.Redis) []*replica {
	w.t.Helper()
	var all []*replica
	for range 3 {
		store := redisstore.Open(at, "hunt")
		w.t.Cleanup(func() { require.NoError(w.t, store.Close()) })
		r := w.open(store)
		w.tail(r, store)
		all = append(all, r)
	}
	for _, r := range all {
		r.warm(w.t, "bystander")
	}
	return all
}

// TestFaultsOfRedis hunts while Redis does what it may do.
func TestFaultsOfRedis(t *testing.T) {
	for name, fault := range map[string]func(s *redistest.Server){
		"killed and restarted": func(s *redistest.Server) { s.Kill(); time.Sleep(500 * time.Millisecond); s.Restart() },
		"paused":               func(s *redistest.Server) { s.Pause(); time.Sleep(2500 * time.Millisecond); s.Resume() },
		"emptied":              func(s *redistest.Server) { s.Do("FLUSHALL") },
		"full": func(s *redistest.Server) {
			s.Do("CONFIG", "SET", "maxmemory", "1")
			time.Sleep(time.Second)
			s.Do("CONFIG", "SET", "maxmemory", "0")
		},
		"evicting": func(s *redistest.Server) {
			s.Do("CONFIG", "SET", "maxmemory-policy", "volatile-random")
			s.Do("CONFIG", "SET", "maxmemory", "1")
			time.Sleep(time.Second)
			s.Do("CONFIG", "SET", "maxmemory", "0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, server := newWorld(t), redistest.Start(t)
			h := &hunt{t: t, replicas: w.three(server.Config())}
			var hurting sync.WaitGroup
			hurting.Go(func() { time.Sleep(500 * time.Millisecond); fault(server) })
			h.run(4 * time.Second)
			hurting.Wait()
			h.heals()
		})
	}
}

// heals waits until every replica answers from the cache again, which is soon.
func (h *hunt) heals() {
	h.t.Helper()
	healed := time.Now()
	for _, r := range h.replicas {
		require.Eventually(h.t, func() bool {
			_, cached := r.ask(h.t, "bystander")
			return cached
		}, 15*time.Second, 10*time.Millisecond)
	}
	h.t.Logf("hits again after %s", time.Since(healed))
	assert.Less(h.t, time.Since(healed), 5*time.Second)
}

// TestFailoverOfRedis hunts while another server becomes the primary. Of somebody
// whose roles ended just before, and who is left alone since, it is heard all along.
func TestFailoverOfRedis(t *testing.T) {
	for name, fault := range map[string]func(s *redistest.Watched, revoke func()){
		"killed, and the next has missed the last": func(s *redistest.Watched, revoke func()) { s.Behind(revoke) },
		"hung, and back as if nothing had happened": func(s *redistest.Watched, revoke func()) {
			revoke()
			s.Primary.Pause()
			s.AwaitPromotion()
			s.Primary.Resume()
		},
		"on demand": func(s *redistest.Watched, revoke func()) { revoke(); s.Failover() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, servers := newWorld(t), redistest.Watch(t)
			h := &hunt{t: t, replicas: w.three(servers.Config())}
			w.do(h.replicas[0], granting("sleeper"))
			for _, r := range h.replicas {
				r.warm(t, "sleeper")
			}
			ctx, stop := context.WithCancel(t.Context())
			var hurting, asking sync.WaitGroup
			asleep := func() {
				w.do(h.replicas[0], revoking("sleeper"))
				for _, r := range h.replicas {
					asking.Go(func() {
						for ctx.Err() == nil {
							if allowed, _ := r.ask(t, "sleeper"); allowed {
								h.staleAllows.Add(1)
							}
							time.Sleep(time.Millisecond)
						}
					})
				}
				time.Sleep(300 * time.Millisecond) // or a tailer that is not past it yet would make up for what is lost
			}
			hurting.Go(func() {
				time.Sleep(500 * time.Millisecond)
				fault(servers, asleep)
				servers.AwaitPromotion()
			})
			h.run(6 * time.Second)
			hurting.Wait()
			h.heals()
			for _, r := range h.replicas {
				r.warm(t, "sleeper")
			}
			stop()
			asking.Wait()
			assert.Zero(t, h.staleAllows.Load(), "stale allows")
		})
	}
}
