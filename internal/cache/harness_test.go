package cache_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

var project = access.Object{Type: access.TypeProject, ID: "gate"}

// world is a real SpiceDB with a project, and a real directory beside it.
type world struct {
	*spicedb.Server
	t         *testing.T
	gateway   *relationships.Gateway
	directory *directory.Directory
	tuplesets access.Tuplesets
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	w := &world{Server: server, t: t, gateway: relationships.New(server.Conn(), server.Head)}
	require.NoError(t, w.gateway.ApplySchema(t.Context(), schema.Text))
	require.NoError(t, server.Pin(t.Context()))
	w.tuplesets, err = spicedb.Tuplesets(schema.Text)
	require.NoError(t, err)
	w.directory, err = directory.New(t.Context(), server.DB(), time.Now, w.gateway.Exists)
	require.NoError(t, err)
	w.write(w.gateway, access.Relate(project, "client", access.Object{Type: access.TypeClient, ID: "c"}))
	return w
}

// write makes relationships be there.
func (w *world) write(r access.Relationships, all ...access.Relationship) {
	w.t.Helper()
	var write access.Write
	write.Touch(all...)
	_, err := r.Write(w.t.Context(), write)
	require.NoError(w.t, err)
}

// replica is a server's part of the cache. What stands in for a part of it is set
// before open.
type replica struct {
	*cache.Cache
	*cache.Writer
	metrics *cache.Metrics

	evaluator cache.Evaluator
	facts     access.Relationships
	ends      access.Ends
	schema    cache.Schema
	evidence  cache.Evidence
	now       access.Clock
}

// open makes a replica over a store, with changes to its parts.
func (w *world) open(s cache.Store, change ...func(*replica)) *replica {
	r := &replica{evaluator: w, facts: w.gateway, ends: w.directory, schema: w, evidence: w, now: time.Now}
	for _, c := range change {
		c(r)
	}
	r.metrics = cache.NewMetrics(r.now)
	r.Cache = cache.New(r.evaluator, s, r.ends, r.now, r.metrics)
	r.Writer = cache.NewWriter(r.facts, s, r.ends, w.tuplesets, r.schema, r.metrics)
	w.t.Cleanup(func() { require.NoError(w.t, r.Close()) })
	return r
}

// tail runs the replica's tailer for as long as the test.
func (w *world) tail(r *replica, s cache.Store) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	tailer := cache.NewTailer(r.facts, s, r.ends, w.tuplesets, r.schema, r.evidence, r.metrics, slog.New(slog.DiscardHandler))
	running.Go(func() { tailer.Run(ctx) })
	w.t.Cleanup(func() { stop(); running.Wait() })
}

// caughtUp waits until the tailer of a store is done with everything committed.
func (w *world) caughtUp(s cache.Store) {
	w.t.Helper()
	head, err := w.Head(w.t.Context())
	require.NoError(w.t, err)
	require.Eventually(w.t, func() bool {
		at, err := s.Position(w.t.Context())
		if err != nil || at == "" {
			return false
		}
		passed, err := w.Passed(w.t.Context(), at, head)
		return err == nil && passed
	}, 10*time.Second, time.Millisecond)
}

// leased is a memory whose lease holds, though no tailer runs.
func leased(t *testing.T, now access.Clock) *cache.Memory {
	t.Helper()
	m := cache.NewMemory(now)
	require.NoError(t, m.SetPosition(t.Context(), "here"))
	known, err := m.Prove(t.Context(), now().Add(time.Hour))
	require.NoError(t, err)
	require.True(t, known)
	return m
}

func member(name string) access.Relationship {
	return access.Relate(project, "member", access.User(name))
}

func granting(name string) (w access.Write) { w.Touch(member(name)); return w }

func revoking(name string) (w access.Write) { w.Delete(member(name)); return w }

func mayView(name string) access.Check {
	return access.Check{Resource: project, Permission: "view", Subject: access.Subject{Object: access.User(name)}}
}

// ask is the answer to one check, and whether it was kept.
func (r *replica) ask(t *testing.T, name string) (allowed, cached bool) {
	t.Helper()
	d, err := r.Check(t.Context(), mayView(name))
	require.NoError(t, err)
	return d.Allowed, d.Cached
}

// warm asks until the answer is kept.
func (r *replica) warm(t *testing.T, name string) {
	t.Helper()
	require.Eventually(t, func() bool { _, cached := r.ask(t, name); return cached }, 10*time.Second, 10*time.Millisecond)
}

func (w *world) do(r *replica, write access.Write) {
	w.t.Helper()
	_, err := r.Write(w.t.Context(), write)
	require.NoError(w.t, err)
}

// counted sums a metric of the cache over its labels.
func (r *replica) counted(t *testing.T, name, label string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.metrics.Collectors()...)
	families, err := registry.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == label {
					sum += m.GetCounter().GetValue()
				}
			}
			if label == "" {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
