package integration

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// A trace and a span of whoever calls.
const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	othersTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "b7ad6b7169203331"
)

func traceparent(trace string) string { return "00-" + trace + "-" + callersSpan + "-01" }

// callTo recognises calls to SpiceDB, and statementTo what is asked of a database.
func callTo(method string) func(*spans.Span) bool {
	return func(s *spans.Span) bool {
		return s.GetName() == "authzed.api.v1.PermissionsService/"+method && s.GetKind() == spans.Span_SPAN_KIND_CLIENT
	}
}

func statementTo(system string) func(*spans.Span) bool {
	return func(s *spans.Span) bool {
		return (attribute(s, "db.system.name") == system || attribute(s, "db.system") == system) && s.GetKind() == spans.Span_SPAN_KIND_CLIENT
	}
}

// TestOneTraceLeadsThroughEveryStore: of a check that is computed, and of an invitation,
// in the trace of whoever asks. It names nobody.
func TestOneTraceLeadsThroughEveryStore(t *testing.T) {
	t.Parallel()
	r, redis := stand(t), redistest.Start(t)
	c, variables := collect(t, true)
	s, err := program{gatehouse, variables}.serve(filepath.Join(t.TempDir(), "data"), append(r.flags, "--redis-url", "redis://"+redis.Address(), "--log-level", "debug")...)
	require.NoError(t, err)
	s.devKey = r.devKey
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	w := build(t, s, "traced")
	admin := w.admin(t, "project")
	ann := w.add(t, "project", w.email("ann"), "project_member")

	q := question("project", w.id("project"), "view", object{"type": "user", "id": ann})
	asked := admin.do(t, http.MethodPost, "/v1/check", q, "traceparent", traceparent(callersTrace), "X-Request-ID", "the-check").want(t, http.StatusOK)
	require.Equal(t, "spicedb", asked.at(t, "source"))
	c.linked(t, callersTrace, callersSpan, "POST /v1/check", map[string]func(*spans.Span) bool{
		"SpiceDB": callTo("CheckBulkPermissions"), "SQL": statementTo("postgresql"), "Redis": statementTo("redis"),
	})
	admin.do(t, http.MethodPost, w.path("project")+"/invitations", object{"email": w.email("ina")},
		"traceparent", traceparent(othersTrace), "X-Request-ID", "the-invitation").want(t, http.StatusCreated)
	found := c.linked(t, othersTrace, callersSpan, "POST /v1/:collection/:id/invitations", map[string]func(*spans.Span) bool{
		"SpiceDB": callTo("WriteRelationships"), "SQL": statementTo("postgresql"), "Redis": statementTo("redis"),
	})
	for _, span := range found {
		if span.GetKind() == spans.Span_SPAN_KIND_SERVER {
			assert.Equal(t, "the-invitation", attribute(span, "gatehouse.request_id"))
			assert.Equal(t, "/v1/:collection/:id/invitations", attribute(span, "http.route"))
		}
	}
	for request, trace := range map[string]string{"the-check": callersTrace, "the-invitation": othersTrace} {
		assert.Regexp(t, fmt.Sprintf("msg=request request_id=%s .* trace_id=%s", request, trace), s.stderr.String())
	}
	for _, private := range []string{w.name, ann, admin.token, "example"} {
		assert.NotContains(t, c.text(), private, "ids, addresses and tokens stay here")
	}
}

// TestTracesOfAServerThatKeepsEverything has spans of its file and of the SpiceDB in its
// process; its gRPC API goes on with a trace, too.
func TestTracesOfAServerThatKeepsEverything(t *testing.T) {
	t.Parallel()
	c, variables := collect(t, false)
	s, err := program{gatehouse, variables}.serve(filepath.Join(t.TempDir(), "data"), "--dev", "--log-level", "debug")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	w := build(t, s, "traced-file")
	admin := w.admin(t, "project")

	left := strings.TrimSuffix(traceparent(othersTrace), "1") + "0" // the caller does not sample it
	admin.do(t, http.MethodPost, w.path("project")+"/invitations", object{"email": w.email("ivo")}, "traceparent", left).want(t, http.StatusCreated)
	admin.do(t, http.MethodPost, w.path("project")+"/invitations", object{"email": w.email("ina")}, "traceparent", traceparent(callersTrace)).want(t, http.StatusCreated)
	c.linked(t, callersTrace, callersSpan, "POST /v1/:collection/:id/invitations", map[string]func(*spans.Span) bool{
		"SpiceDB": callTo("WriteRelationships"), "SQL": statementTo("sqlite"),
	})
	assert.Empty(t, c.trace(othersTrace), "nobody wants to see it")
	assert.Contains(t, s.stderr.String(), "trace_id="+othersTrace)

	const question, other = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "0123456789abcdef0123456789abcdef"
	q := object{"resource": object{"type": "project", "id": w.id("project")}, "permission": "view", "subject": object{"type": "user", "id": "ivo"}}
	admin.do(t, http.MethodPost, "/v1/check", q, "traceparent", traceparent(question)).want(t, http.StatusOK)
	c.linked(t, question, callersSpan, "POST /v1/check", map[string]func(*spans.Span) bool{
		"SpiceDB": func(s *spans.Span) bool { return s.GetName() == "spicedb check" }, "SQL": statementTo("sqlite"),
	})

	_, err = v1.NewPermissionsServiceClient(s.conn).CheckPermission(metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent(other)), &v1.CheckPermissionRequest{
		Consistency: now, Permission: "view",
		Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: w.id("project")},
		Subject:  &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "nobody"}},
	})
	require.NoError(t, err)
	c.linked(t, other, callersSpan, "authzed.api.v1.PermissionsService/CheckPermission", nil)
	assert.NotContains(t, c.text(), w.name)
	for _, span := range c.trace(callersTrace) {
		assert.NotContains(t, span.GetName(), "Watch", "what goes on in the background is in no trace")
	}
}

// TestCollectorsMayBeDown or hang: nobody who asks notices, and the server stops in time.
func TestCollectorsMayBeDown(t *testing.T) {
	t.Parallel()
	hangs, err := net.Listen("tcp", "127.0.0.1:0") // the system takes connections, and nobody answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = hangs.Close() })
	for name, address := range map[string]string{"down": freeAddress(), "hanging": hangs.Addr().String()} {
		for _, protocol := range []string{"http/protobuf", "grpc"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				variables := []string{
					"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol, "OTEL_EXPORTER_OTLP_TIMEOUT=1000",
					"OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4",
				}
				s, err := program{gatehouse, variables}.serve(filepath.Join(t.TempDir(), "data"), "--dev")
				require.NoError(t, err)
				w := build(t, s, "no-collector")
				q := question("project", w.id("project"), "view", object{"type": "user", "email": w.email("admin")})
				for range 200 {
					w.admin(t, "project").post(t, "/v1/check", q).want(t, http.StatusOK)
				}
				await(t, "a warning", func() bool { return strings.Contains(s.stderr.String(), "spans are not delivered") })
				require.NoError(t, s.stop())
				assert.Equal(t, 1, strings.Count(s.stderr.String(), "spans are not delivered"), "once")
			})
		}
	}
}

// TestSettingsOfTracesThatMakeNoSense are said, without their values.
func TestSettingsOfTracesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for variable, says := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317":                    "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://me:canary@host:port": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be a URL",
		"OTEL_TRACES_EXPORTER=canary":                                   "OTEL_TRACES_EXPORTER must be otlp or none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=canary":                            "OTEL_EXPORTER_OTLP_PROTOCOL must be",
		"OTEL_RESOURCE_ATTRIBUTES=canary":                               "OTEL_RESOURCE_ATTRIBUTES must be",
	} {
		name, _, _ := strings.Cut(variable, "=")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := []string{variable}
			if name != "OTEL_TRACES_EXPORTER" {
				variables = append(variables, "OTEL_TRACES_EXPORTER=otlp")
			}
			said := refuses(t, t.TempDir(), variables, "--dev", "--http-addr", "127.0.0.1:0", "--grpc-addr", "")
			inOneLine(t, said, says)
			assert.NotContains(t, said, "canary")
		})
	}
}
