package server

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse/gatehouse/internal/access"
)

// traced is a backend whose evaluations are spans, wherever it evaluates.
type traced struct {
	backend
	tracer trace.Tracer
}

func (t traced) Check(ctx context.Context, c access.Check) (access.Decision, error) {
	ctx, span := t.tracer.Start(ctx, "spicedb check")
	defer span.End()
	d, err := t.backend.Check(ctx, c)
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	return d, err
}

func (t traced) CheckBulk(ctx context.Context, cs []access.Check) []access.Answer {
	ctx, span := t.tracer.Start(ctx, "spicedb check", trace.WithAttributes(attribute.Int("gatehouse.checks", len(cs))))
	defer span.End()
	return t.backend.CheckBulk(ctx, cs)
}
