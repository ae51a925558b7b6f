package integration

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectors "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector that keeps what it is sent.
type collector struct {
	collectors.UnimplementedTraceServiceServer
	mu  sync.Mutex
	got []*spans.Span
	raw bytes.Buffer // everything, as it came
}

// collect runs a collector, and returns the variables that have a server send to it, by
// gRPC or else by HTTP.
func collect(t *testing.T, byGRPC bool) (*collector, []string) {
	t.Helper()
	c := &collector{}
	soon := "OTEL_BSP_SCHEDULE_DELAY=50"
	if !byGRPC {
		s := httptest.NewServer(c)
		t.Cleanup(s.Close)
		return c, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.URL, soon}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	collectors.RegisterTraceServiceServer(s, c)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	return c, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", soon}
}

// Export implements collectors.TraceServiceServer.
func (c *collector) Export(_ context.Context, r *collectors.ExportTraceServiceRequest) (*collectors.ExportTraceServiceResponse, error) {
	raw, err := proto.Marshal(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	for _, resource := range r.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.got = append(c.got, scope.GetSpans()...)
		}
	}
	return &collectors.ExportTraceServiceResponse{}, nil
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &collectors.ExportTraceServiceRequest{}
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, request) != nil {
		http.Error(w, "these are no traces", http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), request)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// text is all that came, as bytes in which a secret would be found.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// trace is all spans of one trace, by id.
func (c *collector) trace(id string) map[string]*spans.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]*spans.Span{}
	for _, s := range c.got {
		if hex.EncodeToString(s.GetTraceId()) == id {
			found[hex.EncodeToString(s.GetSpanId())] = s
		}
	}
	return found
}

// attribute is an attribute of a span, as text.
func attribute(s *spans.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// linked awaits the span of a request that has a name, and under it one of each of the
// parts; every span of the trace leads to the caller's, by way of that of the request.
func (c *collector) linked(t *testing.T, id, caller, name string, under map[string]func(*spans.Span) bool) map[string]*spans.Span {
	t.Helper()
	var found map[string]*spans.Span
	root := func() string {
		for at, s := range found {
			if s.GetKind() == spans.Span_SPAN_KIND_SERVER && hex.EncodeToString(s.GetParentSpanId()) == caller {
				return at
			}
		}
		return ""
	}
	seen := func() (all bool) { // what goes on when the request is answered ends, and arrives, later
		found = c.trace(id)
		all = root() != ""
		for at, s := range found {
			all = all && (at == root() || found[hex.EncodeToString(s.GetParentSpanId())] != nil)
		}
		for _, is := range under {
			all = all && slices.ContainsFunc(slices.Collect(maps.Values(found)), is)
		}
		return all
	}
	await(t, "the spans", seen)
	request := root()
	require.Equal(t, name, found[request].GetName())
	for at, s := range found {
		for at != request {
			parent := hex.EncodeToString(found[at].GetParentSpanId())
			if !assert.Contains(t, found, parent, "the parent of %s", s.GetName()) {
				break
			}
			at = parent
		}
	}
	for part, is := range under {
		there := false
		for at, s := range found {
			there = there || at != request && is(s)
		}
		assert.True(t, there, "%s is in the trace", part)
	}
	return found
}
