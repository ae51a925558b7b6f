package monitoring_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/internal/monitoring"
)

var update = flag.Bool("update", false, "write the files in deploy anew")

// TestFilesAreCurrent: whoever changes alerts or panels runs `make generate`.
func TestFilesAreCurrent(t *testing.T) {
	for path, made := range map[string]func() ([]byte, error){
		"../../deploy/prometheus/gatehouse.rules.yaml": monitoring.Rules,
		"../../deploy/grafana/gatehouse.json":          monitoring.Dashboard,
	} {
		want, err := made()
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, want, 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run: make generate")
	}
}

// TestAlertsSayWhatToDo in the file that Prometheus reads.
func TestAlertsSayWhatToDo(t *testing.T) {
	text, err := os.ReadFile("../../deploy/prometheus/gatehouse.rules.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Groups, 1)
	runbooks, err := os.ReadFile("../../docs/monitoring.md")
	require.NoError(t, err)
	anchors := map[string]bool{}
	for line := range strings.Lines(string(runbooks)) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			anchors[strings.ToLower(strings.TrimSpace(heading))] = true
		}
	}

	seen := map[string]bool{}
	for _, rule := range file.Groups[0].Rules {
		assert.False(t, seen[rule.Alert], "%s twice", rule.Alert)
		seen[rule.Alert] = true
		_, err := parser.ParseExpr(rule.Expr)
		require.NoError(t, err, rule.Alert)
		assert.Contains(t, []string{monitoring.Critical, monitoring.Warning}, rule.Labels["severity"], rule.Alert)
		assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		page, anchor, _ := strings.Cut(rule.Annotations["runbook_url"], "#")
		assert.True(t, strings.HasSuffix(page, "/docs/monitoring.md"), page)
		assert.True(t, anchors[anchor], "docs/monitoring.md has no section %s", rule.Alert)
	}
	assert.Len(t, seen, len(monitoring.Alerts))
}

// TestTheDashboardCanBeRead: each query parses, and nothing overlaps.
func TestTheDashboardCanBeRead(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/gatehouse.json")
	require.NoError(t, err)
	var file struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, RefID string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	places, queries := map[[2]int]bool{}, 0
	for _, p := range file.Panels {
		place := [2]int{p.GridPos.X, p.GridPos.Y}
		assert.False(t, places[place], p.Title)
		places[place] = true
		for _, target := range p.Targets {
			_, err := parser.ParseExpr(target.Expr)
			require.NoError(t, err, "%s %s", p.Title, target.RefID)
			queries++
		}
	}
	assert.Greater(t, queries, 25)
}
