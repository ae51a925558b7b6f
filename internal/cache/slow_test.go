package cache_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/config"
)

// between stands between the servers and Redis.
func between(t *testing.T, s *redistest.Server) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", s.Address())
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	return p
}

// delay holds back what Redis answers, in milliseconds.
func delay(t *testing.T, p *toxiproxy.Proxy, latency, jitter int) {
	t.Helper()
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name": "slow", "type": "latency", "attributes": {"latency": %d, "jitter": %d}}`, latency, jitter)))
	require.NoError(t, err)
}

// TestSlowRedis hunts while Redis takes its time: whoever asks hears the truth, and
// soon, because what takes too long is computed.
func TestSlowRedis(t *testing.T) {
	for name, slow := range map[string]struct{ latency, jitter int }{
		"sometimes too slow": {50, 60},
		"too slow":           {1500, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := between(t, redistest.Start(t))
			h := &hunt{t: t, replicas: w.three(config.Redis{Addrs: []string{p.Listen}})}
			delay(t, p, slow.latency, slow.jitter)
			h.run(5 * time.Second)
			assert.Less(t, h.slowest, 3*time.Second)
			require.NoError(t, p.Toxics.RemoveToxic(t.Context(), "slow"))
			h.heals()
		})
	}
}
