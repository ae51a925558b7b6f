package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/follow"
)

// Metrics count what the cache does.
type Metrics struct {
	Following *follow.Counts // of the tailer, which are registered elsewhere; nil counts nothing

	checks        *prometheus.CounterVec
	bumps         *prometheus.CounterVec
	waited        prometheus.Counter
	evaluations   prometheus.Histogram
	disagreements prometheus.Counter
	lag           prometheus.GaugeFunc

	hits     prometheus.Counter
	evidence atomic.Int64 // when the lease was last proven, Unix nanoseconds
	sampling atomic.Bool
	samples  sync.WaitGroup
}

// NewMetrics makes the metrics, all at zero.
func NewMetrics(now access.Clock) *Metrics {
	m := &Metrics{
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_cache_checks_total",
			Help: "Checks, by result (hit, miss, bypass) and, for the latter two, by reason.",
		}, []string{"result", "reason"}),
		bumps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_cache_bumps_total", Help: "Epochs that writes began anew, by reach (one, everything).",
		}, []string{"reach"}),
		waited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_cache_waited_out_total", Help: "Writes that waited until every lease had run out, because the cache could not be told.",
		}),
		evaluations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gatehouse_cache_evaluation_seconds", Help: "How long SpiceDB took to answer what the cache could not.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		disagreements: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_cache_disagreements_total", Help: "Answers from the cache that SpiceDB contradicted. Anything but zero is a fault: switch the cache off and report it.",
		}),
	}
	m.lag = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_cache_evidence_age_seconds", Help: "How old the proof is that every change was seen. Past 2 seconds, nothing is answered from the cache; -1: there was none yet.",
	}, func() float64 {
		at := m.evidence.Load()
		if at == 0 {
			return -1
		}
		return now().Sub(time.Unix(0, at)).Seconds()
	})
	m.hits = m.checks.WithLabelValues("hit", "")
	return m
}

// Collectors are what to register.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.checks, m.bumps, m.waited, m.evaluations, m.disagreements, m.lag}
}

func (m *Metrics) hit()                   { m.hits.Inc() }
func (m *Metrics) missed(reason string)   { m.checks.WithLabelValues("miss", reason).Inc() }
func (m *Metrics) bypassed(reason string) { m.checks.WithLabelValues("bypass", reason).Inc() }
func (m *Metrics) waitedOut()             { m.waited.Inc() }
func (m *Metrics) disagreed()             { m.disagreements.Inc() }
func (m *Metrics) proven(at time.Time)    { m.evidence.Store(at.UnixNano()) }

func (m *Metrics) bumped(reaches []access.Reach) {
	for _, r := range reaches {
		reach := "one"
		if r == access.Everything {
			reach = "everything"
		}
		m.bumps.WithLabelValues(reach).Inc()
	}
}

// evaluating measures until the returned function is called.
func (m *Metrics) evaluating(now access.Clock) func() {
	began := now()
	return func() { m.evaluations.Observe(now().Sub(began).Seconds()) }
}

// beginSample lets one sample be taken at a time.
func (m *Metrics) beginSample() bool {
	if !m.sampling.CompareAndSwap(false, true) {
		return false
	}
	m.samples.Add(1)
	return true
}

func (m *Metrics) endSample() {
	m.sampling.Store(false)
	m.samples.Done()
}
