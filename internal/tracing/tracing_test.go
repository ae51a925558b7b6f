package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// TestOffMeansAbsent: nothing is there to wrap anything with.
func TestOffMeansAbsent(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"nothing said":      {},
		"switched off":      {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"no exporter":       {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
		"others than these": {"OTEL_SERVICE_NAME": "gatehouse", "OTEL_TRACES_SAMPLER": "always_on"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"} {
				t.Setenv(variable, variables[variable])
			}
			log := slog.New(slog.DiscardHandler)
			off, err := Open(t.Context(), log)
			require.NoError(t, err)
			require.Nil(t, off)
			assert.Nil(t, off.Requests())
			assert.Nil(t, off.Parts())
			assert.Nil(t, off.Calls())
			assert.Same(t, log, off.Logger(log))
		})
	}
}

// TestOnlyWhatIsListedLeaves of what a span was told.
func TestOnlyWhatIsListedLeaves(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(&discreet{SpanExporter: kept, log: slog.New(slog.DiscardHandler)}))
	_, span := provider.Tracer("").Start(t.Context(), "POST /v1/check", trace.WithAttributes(attribute.String("http.route", "/v1/check"), attribute.String("url.path", "/secret")))
	span.RecordError(errors.New("secret"))
	span.SetStatus(codes.Error, "secret")
	span.End()
	require.Len(t, kept.GetSpans(), 1)
	left := kept.GetSpans()[0]
	assert.Equal(t, []attribute.KeyValue{attribute.String("http.route", "/v1/check")}, left.Attributes)
	assert.Equal(t, sdk.Status{Code: codes.Error}, left.Status)
	assert.Empty(t, left.Events)
}

// TestPartsBeginNoTrace, and belong to one that has begun.
func TestPartsBeginNoTrace(t *testing.T) {
	provider := sdk.NewTracerProvider()
	tracer := parts{provider}.Tracer("")
	_, alone := tracer.Start(t.Context(), "alone")
	assert.False(t, alone.SpanContext().IsValid())
	ctx, request := provider.Tracer("").Start(t.Context(), "request")
	_, part := tracer.Start(ctx, "part")
	assert.Equal(t, request.SpanContext().TraceID(), part.SpanContext().TraceID())
	_, other := scope{provider, "this"}.Tracer("that").Start(ctx, "of another library")
	assert.False(t, other.IsRecording())
}

// failing fails now and then.
type failing struct {
	*tracetest.InMemoryExporter
	err error
}

func (f *failing) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return f.err }

// TestFailuresInARowAreLoggedOnce, and that they are over.
func TestFailuresInARowAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	to := &failing{}
	d := &discreet{SpanExporter: to, log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, err := range []error{nil, errors.New("down"), errors.New("down"), nil, nil, errors.New("down")} {
		to.err = err
		require.NoError(t, d.ExportSpans(t.Context(), nil))
	}
	assert.Equal(t, 2, strings.Count(log.String(), "spans are not delivered"))
	assert.Equal(t, 1, strings.Count(log.String(), "spans are delivered again"))
}
