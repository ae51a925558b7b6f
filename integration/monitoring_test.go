package integration

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/monitoring"
)

// TestWhatIsMonitoredIsThere gathers the metrics of a server that has served, and looks
// for everything that alerts and the dashboard ask for; and for a line of the documentation
// on each.
func TestWhatIsMonitoredIsThere(t *testing.T) {
	t.Parallel()
	s := newAuthority(t).startTLS(t)
	w := build(t, s, "monitored")
	mia := object{"type": "user", "id": w.add(t, "project", w.email("mia"), "project_member")}
	may := question("project", w.id("project"), "view", mia)
	await(t, "an answer from the cache", func() bool { return w.admin(t, "project").post(t, "/v1/check", may).at(t, "source") == "cache" })
	gathered := gather(t, s)
	assert.InDelta(t, 3600, value(gathered["gatehouse_tls_certificate_ends_timestamp_seconds"][0])-value(gathered["process_start_time_seconds"][0]), 600)

	asked := map[string]string{}
	for _, a := range monitoring.Alerts {
		asked[a.Name] = a.Expr
	}
	for _, p := range monitoring.Panels {
		for n, line := range p.Lines {
			asked[fmt.Sprint(p.Title, " ", n)] = line.Expr
		}
	}
	for who, expr := range asked {
		parsed, err := parser.ParseExpr(expr)
		require.NoError(t, err)
		var known map[string]bool // labels of the metrics below
		parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
			if selects, ok := node.(*parser.VectorSelector); ok {
				there := found(gathered[selects.Name], selects.LabelMatchers)
				if selects.Name != "up" { // which Prometheus makes up
					assert.NotEmpty(t, there, "%s: there is no %s", who, selects)
				}
				known = map[string]bool{"job": true, "instance": true} // which it adds
				for _, one := range there {
					for name := range one.labels {
						known[name] = true
					}
				}
				for _, above := range path {
					if groups, ok := above.(*parser.AggregateExpr); ok {
						for _, label := range groups.Grouping {
							assert.True(t, known[label], "%s: %s has no label %s", who, selects, label)
						}
					}
				}
			}
			return nil
		})
	}

	var rows []string
	for _, name := range slices.Sorted(maps.Keys(gathered)) {
		if !strings.HasPrefix(name, "gatehouse_") || gathered[name][0].part {
			continue
		}
		names := map[string]bool{}
		for _, one := range gathered[name] {
			maps.Copy(names, one.named())
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |", name, gathered[name][0].kind,
			strings.Join(slices.Sorted(maps.Keys(names)), ", "), gathered[name][0].help))
	}
	text, err := os.ReadFile("../docs/monitoring.md")
	require.NoError(t, err)
	var told []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `gatehouse_") {
			told = append(told, strings.TrimSpace(line))
		}
	}
	assert.Equal(t, strings.Join(rows, "\n"), strings.Join(told, "\n"), "the table of docs/monitoring.md")
}

// TestMetricsTellWhatIsAmiss where an alert waits for it.
func TestMetricsTellWhatIsAmiss(t *testing.T) {
	t.Parallel()
	m, flags := receive(t)
	s := start(t, append(flags, "--audit-digest-interval", "1h")...)
	w := build(t, s, "amiss")
	await(t, "no mail to wait", func() bool { return value(gather(t, s)["gatehouse_mails_oldest_pending_seconds"][0]) == 0 })
	m.ill(true)
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": w.email("ina")}).want(t, http.StatusCreated)
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": "nobody@" + w.name + ".example"}).want(t, http.StatusCreated)
	await(t, "a mail to wait", func() bool { return value(gather(t, s)["gatehouse_mails_oldest_pending_seconds"][0]) > 0 })
	await(t, "a mail to be given up", func() bool {
		there := found(gather(t, s)["gatehouse_mails_total"], []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "outcome", "failed"), labels.MustNewMatcher(labels.MatchEqual, "kind", "invitation")})
		return value(there[0]) == 1
	})
	assert.Zero(t, value(gather(t, s)["gatehouse_audit_digest_overdue_seconds"][0]), "it may wait an hour")
	for _, part := range gather(t, s)["gatehouse_part_ready"] {
		assert.Equal(t, 1.0, value(part), "%v", part.labels)
	}
}

// gathered is one line of what a server tells of itself.
type gathered struct {
	labels     map[string]string
	kind, help string
	part       bool // of a histogram
	value      float64
}

func value(g gathered) float64 { return g.value }

// named are its labels, but for what Prometheus calls by name.
func (g gathered) named() map[string]bool {
	names := map[string]bool{}
	for name := range g.labels {
		if name != "le" {
			names[name] = true
		}
	}
	return names
}

// gather reads the metrics of a server, by their names in PromQL. Histograms are there
// under their own, too.
func gather(t *testing.T, s *server) map[string][]gathered {
	t.Helper()
	parsed := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parsed.TextToMetricFamilies(bytes.NewReader(page(t, s, "/metrics").body))
	require.NoError(t, err)
	all := map[string][]gathered{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			one := gathered{labels: map[string]string{}, kind: strings.ToLower(family.GetType().String()), help: family.GetHelp()}
			for _, pair := range m.GetLabel() {
				one.labels[pair.GetName()] = pair.GetValue()
			}
			one.value = m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
			all[name] = append(all[name], one)
			if family.GetType() != dto.MetricType_HISTOGRAM {
				continue
			}
			one.part = true
			for _, suffix := range []string{"_count", "_sum"} {
				all[name+suffix] = append(all[name+suffix], one)
			}
			bucket := one
			bucket.labels = maps.Clone(one.labels)
			bucket.labels["le"] = "+Inf"
			all[name+"_bucket"] = append(all[name+"_bucket"], bucket)
		}
	}
	return all
}

// found are those with labels that fit. What Prometheus and Grafana fill in fits anything,
// and so does the status of what did not fail yet.
func found(all []gathered, matchers []*labels.Matcher) (fit []gathered) {
next:
	for _, one := range all {
		for _, m := range matchers {
			value, has := one.labels[m.Name]
			switch {
			case m.Name == model.MetricNameLabel || m.Name == "job":
			case m.Name == "status" && has:
			case !has || !m.Matches(value):
				continue next
			}
		}
		fit = append(fit, one)
	}
	return fit
}
