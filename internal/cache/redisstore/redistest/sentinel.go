package redistest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
)

// Watched are a primary and its replicas, as docs/cache.md wants them, and a Sentinel
// that promotes one of the replicas when the primary fails.
type Watched struct {
	Primary  *Server // that was first
	Replicas [2]*Server
	sentinel *Server
}

const group = "gatehouse"

// Watch runs them until the test ends.
func Watch(t testing.TB) *Watched {
	t.Helper()
	fence := []string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"}
	w := &Watched{Primary: Start(t, fence...)}
	for n := range w.Replicas {
		w.Replicas[n] = Start(t, append(fence, "--replicaof", "127.0.0.1", w.Primary.port)...)
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

// Behind kills the primary and one of the replicas, and has the other promoted, which
// has missed whatever is done meanwhile.
func (w *Watched) Behind(meanwhile func()) {
	w.Replicas[0].Do("REPLICAOF", "127.0.0.1", freePort(w.Primary.t)) // where nobody is
	meanwhile()
	w.Primary.Kill()
	w.Replicas[1].Kill()
	w.until("the replica reigns", func() bool { return w.reigns(w.Replicas[0]) })
	w.Replicas[1].Restart()
	w.Replicas[1].Do("REPLICAOF", "127.0.0.1", w.Replicas[0].port)
}

// reigns reports whether the Sentinel says so.
func (w *Watched) reigns(s *Server) bool {
	return strings.Contains(w.sentinel.Do("INFO", "sentinel"), "address="+s.Address())
}

// AwaitPromotion waits until a replica reigns and takes writes.
func (w *Watched) AwaitPromotion() {
	w.until("a replica reigns", func() bool {
		for _, r := range w.Replicas {
			if w.reigns(r) {
				said, err := r.ask("SET", "written", "1")
				return err == nil && said == "+OK"
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
