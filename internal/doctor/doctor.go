// Package doctor examines what a server would run on, before it runs or beside it,
// and says what is amiss and how to cure it. It changes nothing anywhere.
//
// Each part has a file. Adapters say how things are; what that means is decided here.
package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/config"
)

// Severity says what a finding asks for.
type Severity string

// The severities, the worst first.
const (
	Problem    Severity = "problem"    // something does not work, or is not safe
	Warning    Severity = "warning"    // works, and will not always, or not well
	Unexamined Severity = "unexamined" // what it is about could not be looked at
)

// Finding is something that is amiss.
type Finding struct {
	Part     string   `json:"part"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, for alerts
	What     string   `json:"what"`
	Cure     string   `json:"cure"`
}

// Report is what came of an examination.
type Report struct {
	Parts    []string  `json:"parts"` // that were examined
	Findings []Finding `json:"findings"`
}

// Count is how many findings are of a severity.
func (r Report) Count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// part is something that settings name.
type part struct {
	name    string
	named   func(config.Config) bool
	examine func(context.Context, *examination)
}

var parts = []part{
	{"settings", always, settings},
	{"files", always, files},
	{"certificates", namesCertificates, certificates},
	{"data file", func(c config.Config) bool { return c.DataFile() != "" }, dataFile},
	{"SpiceDB", separate, spiceDB},
	{"SpiceDB's database", separate, spiceDBDatabase},
	{"directory", separate, directoryDatabase},
	{"Redis", func(c config.Config) bool { return c.RedisURL != "" }, redis},
	{"mail server", func(c config.Config) bool { return c.SMTP.Addr != "" }, mailServer},
	{"login providers", func(c config.Config) bool { return len(c.OIDC.Issuers) > 0 }, loginProviders},
}

func always(config.Config) bool     { return true }
func separate(c config.Config) bool { return c.SpiceDBEndpoint != "" }

// patience is how long the examination of one part may take.
const patience = 15 * time.Second

// Examine looks at everything that the settings name; file is the one they were read
// from, if any.
func Examine(ctx context.Context, c config.Config, file string, now access.Clock) Report {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var report Report
	var examinations []*examination
	var all sync.WaitGroup
	for _, p := range parts {
		if !p.named(c) {
			continue
		}
		e := &examination{Config: c, file: file, now: now, part: p.name}
		report.Parts = append(report.Parts, p.name)
		examinations = append(examinations, e)
		all.Go(func() { p.examine(ctx, e) })
	}
	all.Wait()
	for _, e := range examinations {
		slices.SortFunc(e.findings, func(a, b Finding) int { return rank(a) - rank(b) })
		report.Findings = append(report.Findings, e.findings...)
	}
	hide := secrets(c)
	for i, f := range report.Findings {
		report.Findings[i].What = hide.Replace(f.What)
	}
	return report
}

func rank(f Finding) int { return slices.Index([]Severity{Problem, Warning, Unexamined}, f.Severity) }

// examination is that of one part.
type examination struct {
	config.Config
	file string
	now  access.Clock
	part string

	mu       sync.Mutex
	findings []Finding
}

func (e *examination) find(s Severity, code, cure, what string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.findings = append(e.findings, Finding{e.part, s, code, fmt.Sprintf(what, args...), cure})
}

func (e *examination) problem(code, cure, what string, args ...any) {
	e.find(Problem, code, cure, what, args...)
}

func (e *examination) warning(code, cure, what string, args ...any) {
	e.find(Warning, code, cure, what, args...)
}

func (e *examination) unexamined(code, cure, what string, args ...any) {
	e.find(Unexamined, code, cure, what, args...)
}

// local reports whether nobody but this machine listens at, or is reached by, a host.
func local(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func localAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && local(host)
}
