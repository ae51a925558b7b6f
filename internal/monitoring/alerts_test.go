package monitoring_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/monitoring"
)

// TestAlertsFire on what they are for, and on nothing less. Series are in Prometheus's own
// notation, a value a minute: 0x9 is ten zeros, 0+6x9 counts 6 a minute.
func TestAlertsFire(t *testing.T) {
	const requests = "gatehouse_http_request_duration_seconds_count"
	const buckets = "gatehouse_http_request_duration_seconds_bucket"
	cases := map[string]struct{ fires, quiet string }{
		"GatehouseStaleAnswer":          {`gatehouse_cache_disagreements_total 0x9 1x9`, `gatehouse_cache_disagreements_total 0x19`},
		"GatehouseDown":                 {`up{job="gatehouse"} 1x5 0x5`, `up{job="gatehouse"} 1x5 0 1x5`},
		"GatehouseSpiceDBUnreachable":   {`gatehouse_part_ready{part="spicedb"} 1x5 0x5`, `gatehouse_part_ready{part="spicedb"} 1x9` + "\n" + `gatehouse_part_ready{part="cache"} 0x9`},
		"GatehouseDirectoryUnreachable": {`gatehouse_part_ready{part="directory"} 1x5 0x5`, `gatehouse_part_ready{part="directory"} 1x9` + "\n" + `gatehouse_part_ready{part="spicedb"} 0x9`},
		"GatehouseErrors":               {requests + `{status="200"} 0+600x19` + "\n" + requests + `{status="503"} 0+12x19`, requests + `{status="200"} 0+600x19` + "\n" + requests + `{status="500"} 0+3x19` + "\n" + requests + `{status="404"} 0+90x19`},
		"GatehouseChangesLost":          {`gatehouse_follower_gaps_total 0x9 1x9`, `gatehouse_follower_gaps_total 0x19`},
		"GatehouseNobodyFollows":        {`gatehouse_turn{instance="a"} 1x5 0x9` + "\n" + `gatehouse_turn{instance="b"} 0x15`, `gatehouse_turn{instance="a"} 1x5 0x9` + "\n" + `gatehouse_turn{instance="b"} 0x6 1x8`},
		"GatehouseFollowerStops":        {`gatehouse_follower_stops_total 0+2x19`, `gatehouse_follower_stops_total 0x9 1 2 3x9`},
		"GatehouseCacheBehind":          {`gatehouse_cache_evidence_age_seconds 0.5x5 20x5`, `gatehouse_cache_evidence_age_seconds -1x1 0.5x5 12 0.5x5`},
		"GatehouseCacheUnreachable":     {`gatehouse_part_ready{part="cache"} 1x5 0x5`, `gatehouse_part_ready{part="cache"} 1x5 0x1 1x5`},
		"GatehouseChecksSlow": {
			buckets + `{route="/v1/check",le="0.25"} 0+90x29` + "\n" + buckets + `{route="/v1/check",le="0.5"} 0+100x29` + "\n" + buckets + `{route="/v1/check",le="+Inf"} 0+100x29`,
			buckets + `{route="/v1/check",le="0.25"} 0+100x29` + "\n" + buckets + `{route="/v1/check",le="+Inf"} 0+100x29` + "\n" + buckets + `{route="/v1/explain",le="0.25"} 0x29` + "\n" + buckets + `{route="/v1/explain",le="+Inf"} 0+100x29`,
		},
		"GatehouseSheds":           {`gatehouse_http_requests_refused_total{limit="max_work"} 0+60x19`, `gatehouse_http_requests_refused_total{limit="max_work"} 0x9 5x9` + "\n" + `gatehouse_http_requests_refused_total{limit="failures"} 0+600x19`},
		"GatehouseAuditUnsigned":   {`gatehouse_audit_digest_overdue_seconds 0+60x19`, `gatehouse_audit_digest_overdue_seconds 0 60 120 0x19`},
		"GatehouseRolesNotSwept":   {`gatehouse_role_ends_overdue_seconds 0+60x19`, `gatehouse_role_ends_overdue_seconds 0 60 120 0x19`},
		"GatehouseMailsFailed":     {`gatehouse_mails_total{kind="invitation",outcome="failed"} 0x9 1x9`, `gatehouse_mails_total{kind="invitation",outcome="failed"} 0x19` + "\n" + `gatehouse_mails_total{kind="invitation",outcome="retried"} 0+1x19`},
		"GatehouseMailsWait":       {`gatehouse_mails_oldest_pending_seconds 0+60x60`, `gatehouse_mails_oldest_pending_seconds 0+60x20 0x40`},
		"GatehouseCertificateEnds": {`gatehouse_tls_certificate_ends_timestamp_seconds 864000x90`, `gatehouse_tls_certificate_ends_timestamp_seconds 8640000x90`},
	}
	for _, a := range monitoring.Alerts {
		t.Run(a.Name, func(t *testing.T) {
			c, ok := cases[a.Name]
			require.True(t, ok, "say what it fires on, and what not")
			assert.True(t, fires(t, a, c.fires), "on\n%s", c.fires)
			assert.False(t, fires(t, a, c.quiet), "on\n%s", c.quiet)
		})
	}
	assert.Len(t, cases, len(monitoring.Alerts))

	a := monitoring.Alerts[12]
	require.Equal(t, "GatehouseAuditUnsigned", a.Name)
	assert.True(t, fires(t, a, `gatehouse_audit_seal_failures_total 0+1x19`), "digests that cannot be put where they should be")
}

// fires evaluates an alert once a minute, as Prometheus does.
func fires(t *testing.T, a monitoring.Alert, text string) bool {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: time.Minute})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	kept, minutes := keep(t, text)
	var since time.Time
	for n := range minutes {
		at := time.Unix(0, 0).Add(time.Duration(n) * time.Minute)
		query, err := engine.NewInstantQuery(t.Context(), kept, nil, a.Expr, at)
		require.NoError(t, err)
		found, err := query.Exec(t.Context()).Vector()
		require.NoError(t, err)
		switch {
		case len(found) == 0:
			since = time.Time{}
		case since.IsZero():
			since = at
		}
		if !since.IsZero() && at.Sub(since) >= a.For {
			return true
		}
	}
	return false
}

// series are what Prometheus can ask for.
type series []*storage.SeriesEntry

func keep(t *testing.T, text string) (kept series, minutes int) {
	t.Helper()
	for line := range strings.Lines(text) {
		named, values, err := parser.ParseSeriesDesc(strings.TrimSpace(line))
		require.NoError(t, err)
		var sampled []chunks.Sample
		for n, v := range values {
			sampled = append(sampled, sample{int64(n) * 60_000, v.Value})
		}
		kept = append(kept, storage.NewListSeries(named, sampled))
		minutes = max(minutes, len(values))
	}
	return kept, minutes
}

// sample is a value at a time, in milliseconds.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                    { return s.at }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }

// Querier implements storage.Queryable.
func (s series) Querier(int64, int64) (storage.Querier, error) { return s, nil }

// Select implements storage.Querier.
func (s series) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &found{}
next:
	for _, one := range s {
		for _, m := range matchers {
			if !m.Matches(one.Lset.Get(m.Name)) {
				continue next
			}
		}
		found.left = append(found.left, one)
	}
	return found
}

// found are the series that a query found, one at a time.
type found struct{ one, left []storage.Series }

func (f *found) Next() bool {
	if len(f.left) == 0 {
		return false
	}
	f.one, f.left = f.left[:1], f.left[1:]
	return true
}

func (f *found) At() storage.Series                { return f.one[0] }
func (f *found) Err() error                        { return nil }
func (f *found) Warnings() annotations.Annotations { return nil }

// LabelValues implements storage.Querier; no query of ours asks.
func (series) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("not kept")
}

// LabelNames implements storage.Querier; no query of ours asks.
func (series) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("not kept")
}

// Close implements storage.Querier.
func (series) Close() error { return nil }
