package redistest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
)

// Watched are a primary and its two replicas, as docs/cache.md wants them, and a
// Sentinel that promotes one of the replicas when the primary fails.
type Watched struct {
	Primary  *Server // that was first
	replicas []*Server
	sentinel *Server
}

const group = "gatehouse"

// Watch runs them until the test ends.
func Watch(t testing.TB) *Watched {
	t.Helper()
	fence := []string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"}
	w := &Watched{Primary: Start(t, fence...)}
	for range 2 {
		w.replicas = append(w.replicas, Start(t, append(fence, "--replicaof", "127.0.0.1", w.Primary.port)...))
	}
	w.sentinel = run(t, &Server{t: t, folder: t.TempDir(), watches: fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]s 1
sentinel down-after-milliseconds %[1]s 500
sentinel failover-timeout %[1]s 3000
sentinel parallel-syncs %[1]s 2
`, group, w.Primary.port)})
	w.until("the Sentinel knows the replicas", func() bool { return w.sentinel.Do("SENTINEL", "REPLICAS", group) == "*2" })
	w.until("the replicas have everything", func() bool { return w.Primary.Do("WAIT", "2", "1000") == ":2" })
	return w
}

// Config is how a store finds whichever server reigns.
func (w *Watched) Config() config.Redis {
	return config.Redis{Addrs: []string{w.sentinel.Address()}, Master: group}
}

// Failover has the Sentinel promote a replica, though nothing is amiss.
func (w *Watched) Failover() { w.sentinel.Do("SENTINEL", "FAILOVER", group) }

// AwaitPromotion waits until a replica reigns and has a replica of its own.
func (w *Watched) AwaitPromotion() {
	w.until("a replica reigns", func() bool {
		for _, r := range w.replicas {
			// A primary says of itself three things, and a replica five.
			if said, err := r.ask("ROLE"); err == nil && said == "*3" {
				said, err = r.ask("WAIT", "1", "10")
				return err == nil && (said == ":1" || said == ":2")
			}
		}
		return false
	})
}

func (w *Watched) until(what string, holds func() bool) {
	w.Primary.t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.Primary.t.Error("in vain until " + what)
}
