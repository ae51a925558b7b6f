// Package tracing sends spans to an OpenTelemetry collector. The variables of
// OpenTelemetry say whether, where and how many; without them nothing is made, so that
// nothing costs anything.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// flushTime is how long the last spans may take to be delivered when the server stops.
const flushTime = 2 * time.Second

// Tracing is where spans go. Nil, it is off, and so is all that it gives.
type Tracing struct {
	provider *sdk.TracerProvider
	log      *slog.Logger
}

// Open begins to trace if the variables say so, and returns nil otherwise; Close must
// follow. No collector is reached yet: one that is down keeps no server from starting.
// Errors: variables that make no sense, of which no value is repeated.
func Open(ctx context.Context, log *slog.Logger) (*Tracing, error) {
	if on, err := wanted(); !on {
		return nil, err
	}
	// What the library finds fault with it repeats, and headers hold keys.
	otel.SetLogger(logr.FromSlogHandler(words{log.Handler()}))
	to, err := exporter(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "gatehouse")), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(errors.New("OTEL_RESOURCE_ATTRIBUTES must be key=value,key=value"), to.Shutdown(ctx))
	}
	t := &Tracing{sdk.NewTracerProvider(sdk.WithBatcher(&discreet{SpanExporter: to, log: log}), sdk.WithResource(about)), log}
	// SpiceDB in this process asks here, and finds spans for its gRPC API alone: those
	// within name what they are about.
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetTracerProvider(scope{t.Parts(), otelgrpc.ScopeName})
	return t, nil
}

// wanted reports whether the variables want traces.
func wanted() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	named := false
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		named = true
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return false, fmt.Errorf("%s must be a URL such as http://collector:4318", name)
		}
	}
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "":
		return named, nil
	case "otlp":
		return true, nil
	case "none":
		return false, nil
	}
	return false, errors.New("OTEL_TRACES_EXPORTER must be otlp or none")
}

func exporter(ctx context.Context) (sdk.SpanExporter, error) {
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	}
	return nil, errors.New("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or grpc")
}

// Requests are for what begins a trace, or continues a caller's.
func (t *Tracing) Requests() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.provider
}

// Parts are for what belongs to a trace. They begin none: what goes on in the
// background, all the time, would hide what was asked.
func (t *Tracing) Parts() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return parts{t.provider}
}

// Logger is one that says in which trace something happened.
func (t *Tracing) Logger(log *slog.Logger) *slog.Logger {
	if t == nil {
		return log
	}
	return slog.New(logged{log.Handler()})
}

// Close delivers the last spans, if that is soon done.
func (t *Tracing) Close() error {
	otel.SetTracerProvider(noop.NewTracerProvider())
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last spans were not delivered", "error", err)
	}
	return nil // the server has done its part
}
