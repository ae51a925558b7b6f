package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced has each request be a span, in the trace that its caller names. Baggage is not
// taken on: anything may be in it.
func traced(next http.Handler, p trace.TracerProvider) http.Handler {
	return otelhttp.NewHandler(next, "HTTP", otelhttp.WithTracerProvider(p), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(operation string, _ *http.Request) string { return operation }),
		otelhttp.WithFilter(func(r *http.Request) bool {
			switch r.URL.Path {
			case "/healthz", "/readyz", "/metrics": // of machines that come every second
				return false
			}
			return true
		}))
}

// nameSpan calls the span of a request by its route, as the log and the metrics do.
func nameSpan(c *gin.Context) {
	ctx := c.Request.Context()
	span := trace.SpanFromContext(ctx)
	span.SetName(known(c.Request.Method) + " " + routeOf(c))
	span.SetAttributes(attribute.String("http.route", routeOf(c)))
	if id := requestID(ctx); requestIDPattern.MatchString(id) { // to AuthZEN it is any text
		span.SetAttributes(attribute.String("gatehouse.request_id", id))
	}
}
