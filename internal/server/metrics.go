package server

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// newTurn is 1 on the server that does what follows from changes.
func newTurn() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_turn", Help: "1 while it is this server that does what follows from changes: of those that share a directory, one does.",
	})
}

func newSealFailures() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatehouse_audit_seal_failures_total", Help: "How often signing a digest of the audit failed, to be tried again.",
	})
}

// lookAgain is how soon what was looked up is looked up anew: those who ask for metrics
// do not decide how often the stores are asked.
const lookAgain = time.Second

// lookups are metrics that are found out when somebody asks. What waits in the directory
// is the same for every server, so that each tells of it, whoever's turn it is.
type lookups struct {
	now   func() time.Time
	looks []func(context.Context) []prometheus.Metric

	mu    sync.Mutex
	at    time.Time
	found []prometheus.Metric
}

// Describe implements prometheus.Collector. What cannot be looked up is not there, so
// nothing is promised.
func (l *lookups) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (l *lookups) Collect(to chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now().Sub(l.at) >= lookAgain {
		l.found = l.look()
		l.at = l.now() // a look may take longer than that
	}
	for _, m := range l.found {
		to <- m
	}
}

func (l *lookups) look() (all []prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	found := make([][]prometheus.Metric, len(l.looks))
	var looking sync.WaitGroup
	for i, look := range l.looks {
		looking.Go(func() { found[i] = look(ctx) })
	}
	looking.Wait()
	for _, some := range found {
		all = append(all, some...)
	}
	return all
}

// wait adds how long the oldest of something has waited beyond what it may; since is
// zero if nothing waits.
func (l *lookups) wait(name, help string, may time.Duration, since func(context.Context) (time.Time, error)) {
	desc := prometheus.NewDesc(name, help, nil, nil)
	l.looks = append(l.looks, func(ctx context.Context) []prometheus.Metric {
		at, err := since(ctx)
		if err != nil {
			return nil // which the part that is not ready tells
		}
		waited := 0.0
		if !at.IsZero() {
			waited = max(0, (l.now().Sub(at) - may).Seconds())
		}
		return []prometheus.Metric{prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, waited)}
	})
}

// parts adds whether each of the parts that the server stands on answers.
func (l *lookups) parts(ready func(context.Context) map[string]error, cache func(context.Context) string) {
	desc := prometheus.NewDesc("gatehouse_part_ready", "1 if a part that the server stands on answers, 0 if not: spicedb, directory, and cache if answers are kept.", []string{"part"}, nil)
	tell := func(part string, well bool) prometheus.Metric {
		value := 0.0
		if well {
			value = 1
		}
		return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, part)
	}
	l.looks = append(l.looks, func(ctx context.Context) (found []prometheus.Metric) {
		for part, err := range ready(ctx) {
			found = append(found, tell(part, err == nil))
		}
		return found
	}, func(ctx context.Context) []prometheus.Metric {
		state := cache(ctx)
		if state == "off" {
			return nil
		}
		return []prometheus.Metric{tell("cache", state == "ok")}
	})
}
