package main

import (
	"fmt"
	"html"
	"strings"
)

// Measures of the plot, in its own units.
const (
	plotWidth  = 860
	namesWidth = 280
	barsWidth  = 440
	barHeight  = 18
	barPitch   = 28
	groupGap   = 56
)

const plotStyle = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note { font-size: 12px; fill: #6e7781 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.ours { fill: #0969da }
.peer { fill: #afb8c1 }
.spread { stroke: #24292f; stroke-width: 1.5; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #8b949e }
  .grid { stroke: #30363d }
  .ours { fill: #4493f8 }
  .peer { fill: #6e7681 }
  .spread { stroke: #e6edf3 }
}`

// plot draws a bar for each contender that answers one question at a time: their
// median rate, with a line from the lowest round to the highest.
func (r *result) plot() string {
	var shown []*contender
	for _, c := range r.field.contenders {
		if c.perAsk == 1 {
			shown = append(shown, c)
		}
	}
	var b strings.Builder
	height := 20 + len(levels)*(groupGap+len(shown)*barPitch)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Checks a second of Gatehouse and its peers">`+"\n<style>%s\n</style>\n",
		plotWidth, height, plotStyle)
	top := 24
	for _, n := range levels {
		r.group(&b, top, n, shown)
		top += groupGap + len(shown)*barPitch
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (r *result) group(b *strings.Builder, top, n int, shown []*contender) {
	var most float64
	for _, c := range shown {
		most = max(most, r.of(c.id, n, rate).high)
	}
	step := tick(most)
	scale := barsWidth / max(most, 1)
	x := func(v float64) float64 { return namesWidth + v*scale }
	bottom := top + 24 + len(shown)*barPitch

	fmt.Fprintf(b, `<text class="title" x="0" y="%d">%s</text><text class="note" x="%d" y="%d">checks a second</text>`+"\n", top, title(n), namesWidth, top)
	for v := 0.0; v <= most; v += step {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %dV%d"/><text class="note" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(v), top+8, bottom-6, x(v), bottom+8, thousands(v))
	}
	for i, c := range shown {
		y := top + 16 + i*barPitch
		class := "peer"
		if c.ours {
			class = "ours"
		}
		s := r.of(c.id, n, rate)
		middle := float64(y) + barHeight/2
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="3"/>`,
			namesWidth-10, middle+4.5, html.EscapeString(c.name), class, namesWidth, y, s.median*scale, barHeight)
		fmt.Fprintf(b, `<path class="spread" d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8"/>`,
			x(s.low), middle, x(s.high), x(s.low), middle-4, x(s.high), middle-4)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`+"\n", x(s.high)+8, middle+4.5, thousands(s.median))
	}
}

// tick is a round step by which an axis has three to seven marks.
func tick(most float64) float64 {
	step := 1.0
	for {
		for _, s := range []float64{1, 2, 5} {
			if most/(s*step) <= 6 {
				return s * step
			}
		}
		step *= 10
	}
}
