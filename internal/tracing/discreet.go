package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// told are the attributes that leave the server. Libraries add others, which hold
// paths, headers, addresses and errors; some of those name people or are secrets.
// Statements leave as they stand in our code: all values are bound.
var told = map[attribute.Key]bool{
	"http.request.method":       true,
	"http.route":                true,
	"http.response.status_code": true,
	"gatehouse.request_id":      true,
	"gatehouse.checks":          true,
	"db.system":                 true,
	"db.system.name":            true,
	"db.operation.name":         true,
	"db.query.text":             true,
	"db.redis.num_cmd":          true,
	"rpc.system":                true,
	"rpc.system.name":           true,
	"rpc.service":               true,
	"rpc.method":                true,
	"rpc.grpc.status_code":      true,
	"rpc.response.status_code":  true,
}

// discreet delivers what may be told of spans. Failing at it is no fault of a request:
// the log has the first of failures in a row.
type discreet struct {
	sdk.SpanExporter
	log     *slog.Logger
	failing bool
}

// ExportSpans implements sdk.SpanExporter, which is not called concurrently.
func (d *discreet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	some := make([]sdk.ReadOnlySpan, len(spans))
	for i, s := range spans {
		some[i] = span{s}
	}
	err := d.SpanExporter.ExportSpans(ctx, some)
	switch failing := err != nil; {
	case failing && !d.failing:
		d.log.Warn("spans are not delivered", "error", err)
	case !failing && d.failing:
		d.log.Info("spans are delivered again")
	}
	d.failing = err != nil
	return nil
}

// span is what may be told of one: neither what happened meanwhile, nor in which words
// it failed.
type span struct{ sdk.ReadOnlySpan }

// Attributes implements sdk.ReadOnlySpan.
func (s span) Attributes() []attribute.KeyValue {
	var some []attribute.KeyValue
	for _, a := range s.ReadOnlySpan.Attributes() {
		if told[a.Key] {
			some = append(some, a)
		}
	}
	return some
}

// SpanContext implements sdk.ReadOnlySpan. The state of a trace is the caller's to write.
func (s span) SpanContext() trace.SpanContext {
	return s.ReadOnlySpan.SpanContext().WithTraceState(trace.TraceState{})
}

// Parent implements sdk.ReadOnlySpan.
func (s span) Parent() trace.SpanContext {
	return s.ReadOnlySpan.Parent().WithTraceState(trace.TraceState{})
}

// Events implements sdk.ReadOnlySpan.
func (span) Events() []sdk.Event { return nil }

// Status implements sdk.ReadOnlySpan.
func (s span) Status() sdk.Status { return sdk.Status{Code: s.ReadOnlySpan.Status().Code} }
