package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// runbook is where it says what to do about an alert.
const runbook = "https://github.com/gatehouse/gatehouse/blob/main/docs/monitoring.md#"

// Rules are the alerts as Prometheus reads them.
func Rules() ([]byte, error) {
	type rule struct {
		Alert       string
		Expr        string
		For         string `yaml:",omitempty"`
		Labels      map[string]string
		Annotations map[string]string
	}
	var rules []rule
	for _, a := range Alerts {
		r := rule{
			Alert: a.Name, Expr: a.Expr, Labels: map[string]string{"severity": a.Severity},
			Annotations: map[string]string{"summary": a.Summary, "runbook_url": runbook + strings.ToLower(a.Name)},
		}
		if a.For > 0 {
			r.For = fmt.Sprintf("%.0fm", a.For.Minutes())
		}
		rules = append(rules, r)
	}
	text := bytes.NewBufferString("# Written by `make generate` from internal/monitoring/alerts.go.\n")
	to := yaml.NewEncoder(text)
	to.SetIndent(2)
	if err := to.Encode(map[string]any{"groups": []any{map[string]any{"name": "gatehouse", "rules": rules}}}); err != nil {
		return nil, err
	}
	return text.Bytes(), to.Close()
}

type fields map[string]any

// Dashboard is the dashboard as Grafana imports it.
func Dashboard() ([]byte, error) {
	const width, height = 12, 8
	source := fields{"type": "prometheus", "uid": "${datasource}"}
	var panels []fields
	for i, p := range Panels {
		var targets []fields
		for n, line := range p.Lines {
			targets = append(targets, fields{"refId": string(rune('A' + n)), "datasource": source, "expr": line.Expr, "legendFormat": line.Legend})
		}
		panels = append(panels, fields{
			"id": i + 1, "type": "timeseries", "title": p.Title, "datasource": source, "targets": targets,
			"fieldConfig": fields{"defaults": fields{"unit": p.Unit, "min": 0}, "overrides": []any{}},
			"gridPos":     fields{"x": i % 2 * width, "y": i / 2 * height, "w": width, "h": height},
		})
	}
	text := &bytes.Buffer{}
	to := json.NewEncoder(text)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	err := to.Encode(fields{
		"uid": "gatehouse", "title": "Gatehouse", "tags": []string{"gatehouse"}, "schemaVersion": 39, "editable": true,
		"time": fields{"from": "now-6h", "to": "now"}, "refresh": "30s", "panels": panels,
		"templating": fields{"list": []fields{
			{"name": "datasource", "type": "datasource", "query": "prometheus"},
			{
				"name": "job", "type": "query", "datasource": source, "query": "label_values(gatehouse_turn, job)",
				"includeAll": true, "multi": true, "refresh": 2, "current": fields{"text": "All", "value": "$__all"},
			},
		}},
	})
	return text.Bytes(), err
}
