package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse/gatehouse/internal/limits"
)

// metrics has a registry of its own: what embedded libraries count is not ours.
type metrics struct {
	requests *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	serve    gin.HandlerFunc
}

func newMetrics(g gates, others ...prometheus.Collector) *metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(others...)
	for name, gate := range map[string]*limits.Gate{"questions": g.questions, "work": g.work} {
		promauto.With(registry).NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_http_requests_in_flight", Help: "How many requests are being served, of those that max-questions and max-work bound.",
			ConstLabels: prometheus.Labels{"of": name},
		}, func() float64 { return float64(gate.Inside()) })
	}
	m := &metrics{
		requests: promauto.With(registry).NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatehouse_http_request_duration_seconds",
			Help:    "How long HTTP requests took, by route and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"method", "route", "status"}),
		refused: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_refused_total",
			Help: "How many requests were refused because there were too many, by limit.",
		}, []string{"limit"}),
		serve: gin.WrapH(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})),
	}
	for limit := range counted { // an increase is seen from zero only
		m.refused.WithLabelValues(limit)
	}
	m.refused.WithLabelValues("max_questions")
	m.refused.WithLabelValues("max_work")
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.answered(known(method), route, status).Observe(took.Seconds())
}

// answered is where requests to a route are counted that were answered so.
func (m *metrics) answered(method, route string, status int) prometheus.Observer {
	return m.requests.WithLabelValues(method, route, strconv.Itoa(status))
}

// known is the name of a method: clients make them up.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead:
		return method
	}
	return "other"
}
