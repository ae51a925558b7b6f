package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
)

//go:embed benchmarks.md.tmpl
var page string

// write writes the page and its plot.
func (s settings) write(r *result) error {
	var b strings.Builder
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	err = t.Execute(&b, map[string]any{
		"Tables": strings.TrimSpace(r.tables()), "Machine": machine(), "Day": r.at.UTC().Format("2006-01-02"),
		"Round": s.round, "Warm": s.warm, "Rounds": s.rounds, "Questions": questions, "Members": projects * perProject, "Projects": projects, "Hits": said(r.hits),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "benchmarks.md"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "benchmarks.svg"), []byte(r.plot()), 0o644)
}

// said are sentences about the streams.
func said(hits []streamed) []string {
	var all []string
	for _, h := range hits {
		all = append(all, fmt.Sprintf("%s, while %d other people were given roles on the same projects and %d projects were created\n  within %.0f s: %.1f %% of %s checks/s came from the cache.",
			h.name, h.grants, h.objects, h.took.Seconds(), 100*h.hitRate, thousands(h.checks)))
	}
	return all
}

// machine says what it ran on.
func machine() string {
	model := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere than on Linux there is none
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}
