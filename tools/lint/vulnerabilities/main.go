// Vulnerabilities reads what `govulncheck -format json` found and fails unless a file
// explains why each does no harm. What is not called from here needs no explanation.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
)

func main() {
	if err := run(os.Stdin, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulnerabilities:", err)
		os.Exit(1)
	}
}

func run(from io.Reader, explanations string, out io.Writer) error {
	text, err := os.ReadFile(explanations)
	if err != nil {
		return err
	}
	r, err := read(from)
	if err != nil {
		return err
	}
	return r.judge(explained(string(text)), out)
}

// explanation is a line of the file, such as "- GO-2021-0113: only operators are let near it".
var explanation = regexp.MustCompile(`(?m)^- (GO-\d{4}-\d+): *(\S.*)$`)

func explained(text string) map[string]string {
	all := map[string]string{}
	for _, line := range explanation.FindAllStringSubmatch(text, -1) {
		all[line[1]] = line[2]
	}
	return all
}

// message is one of those that govulncheck's output is made of: those that matter here.
type message struct {
	Config *struct {
		Modified string `json:"db_last_modified"`
		Scan     string `json:"scan_level"`
	}
	OSV *struct {
		ID      string
		Summary string
	}
	Finding *struct {
		OSV   string
		Fixed string `json:"fixed_version"`
		Trace []struct{ Module, Version, Package, Function string }
	}
}

type report struct {
	modified  string            // when the database was
	summaries map[string]string // of all that might concern us, by id
	called    map[string]string // how those are called that do
}

// read reads govulncheck's output. Errors: it is something else, or was cut off before
// the database had been asked.
func read(from io.Reader) (report, error) {
	r := report{summaries: map[string]string{}, called: map[string]string{}}
	for d := json.NewDecoder(from); ; {
		var m message
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF) && r.modified == "":
			return r, errors.New("govulncheck says of no database that it was asked")
		case errors.Is(err, io.EOF):
			return r, nil
		case err != nil:
			return r, fmt.Errorf("read what govulncheck found: %w", err)
		}
		switch {
		case m.Config != nil && m.Config.Scan != "symbol":
			return r, fmt.Errorf("govulncheck did not look at what is called, but at each %s", m.Config.Scan)
		case m.Config != nil:
			r.modified = m.Config.Modified
		case m.OSV != nil:
			r.summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil && len(m.Finding.Trace) > 0 && m.Finding.Trace[0].Function != "":
			at := m.Finding.Trace[0]
			fix := "not fixed yet"
			if m.Finding.Fixed != "" {
				fix = "fixed in " + m.Finding.Fixed
			}
			r.called[m.Finding.OSV] = fmt.Sprintf("%s.%s of %s is called, %s", at.Package, at.Function, at.Version, fix)
		}
	}
}

// judge fails if something is called that is not explained, and says what can be left out
// of the explanations.
func (r report) judge(why map[string]string, out io.Writer) error {
	unexplained := 0
	for _, id := range slices.Sorted(maps.Keys(r.called)) {
		if reason := why[id]; reason != "" {
			fmt.Fprintf(out, "%s: %s; explained: %s\n", id, r.summaries[id], reason)
			continue
		}
		unexplained++
		fmt.Fprintf(out, "%s: %s: %s\n\thttps://pkg.go.dev/vuln/%s\n", id, r.summaries[id], r.called[id], id)
	}
	for _, id := range slices.Sorted(maps.Keys(why)) {
		if r.called[id] == "" {
			fmt.Fprintf(out, "%s is explained, and not found any more: leave it out\n", id)
		}
	}
	if unexplained > 0 {
		return fmt.Errorf("%d not explained: take the version that fixes it, or say in vulnerabilities.md why it does no harm here", unexplained)
	}
	fmt.Fprintf(out, "vulnerabilities: none that is not explained, as of %s\n", r.modified)
	return nil
}
