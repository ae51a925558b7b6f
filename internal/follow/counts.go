package follow

import "github.com/prometheus/client_golang/prometheus"

// Counts count what goes wrong with followers, by their names. A nil one counts nothing.
type Counts struct {
	stops, gaps *prometheus.CounterVec
}

// NewCounts makes the counters.
func NewCounts() *Counts {
	return &Counts{
		stops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_follower_stops_total", Help: "How often a follower of changes stopped because something failed, to try again.",
		}, []string{"follower"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_follower_gaps_total", Help: "How often a follower had to go on after changes that could not be read any more.",
		}, []string{"follower"}),
	}
}

// Collectors are what to register.
func (c *Counts) Collectors() []prometheus.Collector { return []prometheus.Collector{c.stops, c.gaps} }

// begin lets what never happened count as zero: an increase is seen from there only.
func (c *Counts) begin(follower string) {
	if c != nil {
		c.stops.WithLabelValues(follower)
		c.gaps.WithLabelValues(follower)
	}
}

func (c *Counts) stopped(follower string) {
	if c != nil {
		c.stops.WithLabelValues(follower).Inc()
	}
}

func (c *Counts) lost(follower string) {
	if c != nil {
		c.gaps.WithLabelValues(follower).Inc()
	}
}
