package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// parts make spans for what has a parent.
type parts struct{ trace.TracerProvider }

// Tracer implements trace.TracerProvider.
func (p parts) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return part{p.TracerProvider.Tracer(name, options...)}
}

type part struct{ trace.Tracer }

// Start implements trace.Tracer.
func (p part) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, noop.Span{}
	}
	return p.Tracer.Start(ctx, name, options...)
}

// scope makes spans for one library.
type scope struct {
	trace.TracerProvider
	library string
}

// Tracer implements trace.TracerProvider.
func (s scope) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	if name != s.library {
		return noop.Tracer{}
	}
	return s.TracerProvider.Tracer(name, options...)
}
