package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// metrics are what SpiceDB's own tell of one of its nodes.
type metrics struct {
	version  string
	caches   bool // dispatch caches are on
	measured bool // caches have metrics: those that are off have none
}

// metrics reads SpiceDB's; nil: they were not named, or cannot be read.
func (e *examination) metrics(ctx context.Context) *metrics {
	if e.Beneath.MetricsURL == "" {
		return nil
	}
	found := &metrics{}
	err := e.clock(ctx, "SpiceDB", time.Second, func(ctx context.Context) (time.Time, error) {
		return found.read(ctx, e.Beneath.MetricsURL)
	})
	if err != nil {
		e.warning("metrics_unreadable", "correct --spicedb-metrics-url: SpiceDB serves it at :9090/metrics unless told otherwise", "SpiceDB's metrics cannot be read: %v", err)
		return nil
	}
	return found
}

var (
	cacheLine   = regexp.MustCompile(`^spicedb_cache_\w+\{cache="(\w+)"`)
	versionLine = regexp.MustCompile(`^spicedb_environment_info\{.*version="([^"]*)"`)
)

// read returns SpiceDB's time, to the second.
func (m *metrics) read(ctx context.Context, url string) (at time.Time, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return at, errors.New("it is no URL")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return at, fmt.Errorf("%s", response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if said := cacheLine.FindStringSubmatch(lines.Text()); said != nil {
			m.measured = true
			m.caches = m.caches || strings.HasSuffix(said[1], "dispatch")
		}
		if said := versionLine.FindStringSubmatch(lines.Text()); said != nil {
			m.version = said[1]
		}
	}
	if err := lines.Err(); err != nil {
		return at, err
	}
	return http.ParseTime(response.Header.Get("Date"))
}
