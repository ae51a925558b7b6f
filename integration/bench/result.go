package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is what a whole run saw.
type result struct {
	settings settings
	field    *field
	measures map[string]map[int][]measure // by contender and clients, one for each round
	hits     []streamed
	at       time.Time
}

func newResult(s settings, f *field) *result {
	return &result{settings: s, field: f, measures: map[string]map[int][]measure{}, at: time.Now()}
}

func (r *result) add(c *contender, n int, m measure) {
	if r.measures[c.id] == nil {
		r.measures[c.id] = map[int][]measure{}
	}
	r.measures[c.id][n] = append(r.measures[c.id][n], m)
}

// spread is the middle of what the rounds saw, and its bounds.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	values = slices.Sorted(slices.Values(values))
	half := len(values) / 2
	median := values[half]
	if len(values)%2 == 0 {
		median = (values[half-1] + values[half]) / 2
	}
	return spread{values[0], median, values[len(values)-1]}
}

// of gathers one figure of the rounds of a contender.
func (r *result) of(id string, n int, figure func(measure) float64) spread {
	var values []float64
	for _, m := range r.measures[id][n] {
		values = append(values, figure(m))
	}
	return spreadOf(values)
}

func rate(m measure) float64   { return m.rate }
func cached(m measure) float64 { return 100 * m.cached }
func micros(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond)
}

// ratio compares two contenders round by round, so that what slows a whole round
// down cancels out. It is zero if one of them was absent.
func (r *result) ratio(id, peer string, n int) spread {
	var ratios []float64
	for round, m := range r.measures[id][n] {
		if others := r.measures[peer][n]; round < len(others) && others[round].rate > 0 {
			ratios = append(ratios, m.rate/others[round].rate)
		}
	}
	return spreadOf(ratios)
}

// aim is a ratio that is asked for, with 16 clients.
type aim struct {
	id, peer, text string
	least          float64
}

var aims = []aim{
	{"gatehouse", "gin", "cached in the process ÷ bare Gin", 0.8},
	{"gatehouse", "spicedb", "cached in the process ÷ SpiceDB", 2.3},
	{"gatehouse-redis", "gin-redis", "cached in Redis ÷ Gin + one Redis GET", 0.75},
	{"gatehouse-redis", "spicedb", "cached in Redis ÷ SpiceDB", 1.5},
	{"gatehouse-redis", "openfga", "cached in Redis ÷ OpenFGA", 3},
	{"gatehouse-bulk", "gatehouse", "bulk of 100 ÷ one by one, in the process", 8},
	{"gatehouse-redis-bulk", "gatehouse-redis", "bulk of 100 ÷ one by one, in Redis", 8},
}

// leastHits is the part of answers from the cache that is asked for.
const leastHits = 0.95

func verdict(value, least float64) string {
	if value >= least {
		return "met"
	}
	return "**missed**"
}

// tables are the figures, in Markdown.
func (r *result) tables() string {
	var b strings.Builder
	for _, n := range levels {
		fmt.Fprintf(&b, "%s\n\n", title(n))
		b.WriteString("| contender | checks/s | lowest–highest | ÷ bare Gin | p50 of a request | p99 | from a cache | load's own time |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
		for _, c := range r.field.contenders {
			checks := r.of(c.id, n, rate)
			fromCache := "—"
			if c.ours {
				fromCache = fmt.Sprintf("%.1f %%", r.of(c.id, n, cached).median)
			}
			fmt.Fprintf(&b, "| %s | %s | %s–%s | %.2f | %s | %s | %s | %.1f µs |\n", c.name,
				thousands(checks.median), thousands(checks.low), thousands(checks.high), r.ratio(c.id, "gin", n).median,
				r.time(c.id, n, func(m measure) time.Duration { return m.p50 }), r.time(c.id, n, func(m measure) time.Duration { return m.p99 }),
				fromCache, r.of(c.id, n, func(m measure) float64 { return micros(m.generator) }).median)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "| what is asked for, with %d clients | at least | seen | lowest–highest | |\n|---|---:|---:|---:|---|\n", levels[0])
	for _, a := range aims {
		if seen := r.ratio(a.id, a.peer, levels[0]); seen.median > 0 {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f–%.2f | %s |\n", a.text, a.least, seen.median, seen.low, seen.high, verdict(seen.median, a.least))
		} else {
			fmt.Fprintf(&b, "| %s | %.2f | | | not run |\n", a.text, a.least)
		}
	}
	for _, h := range r.hits {
		fmt.Fprintf(&b, "| answers from the cache: %s | %.0f %% | %.1f %% | | %s |\n", h.name, 100*leastHits, 100*h.hitRate, verdict(h.hitRate, leastHits))
	}
	for _, why := range r.field.absent {
		first, _, _ := strings.Cut(why, "\n")
		fmt.Fprintf(&b, "\nNot run: %s\n", first)
	}
	return b.String()
}

func title(n int) string {
	if n == 1 {
		return "One client"
	}
	return fmt.Sprintf("%d clients at once", n)
}

func (r *result) time(id string, n int, figure func(measure) time.Duration) string {
	us := r.of(id, n, func(m measure) float64 { return micros(figure(m)) }).median
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.1f ms", us/1000)
}

// thousands writes a rate with a comma, to three digits: the rest is noise.
func thousands(v float64) string {
	n := int(v + 0.5)
	for unit := 1; ; unit *= 10 {
		if n/unit < 1000 {
			n = (n + unit/2) / unit * unit
			break
		}
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	if n < 1_000_000 {
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return fmt.Sprintf("%d,%03d,%03d", n/1_000_000, n/1000%1000, n%1000)
}
