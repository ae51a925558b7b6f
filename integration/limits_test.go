package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// TestRequestsAreBounded asks for as much as is allowed, and for one more.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "bounded")
	operator := w.almighty(t)
	ann := object{"type": "user", "id": "ann"}
	checks := func(n int) object {
		all := make([]object, n)
		for i := range all {
			all[i] = question("project", w.id("project"), "view", ann)
		}
		return object{"checks": all}
	}
	evaluations := func(n int) object {
		all := make([]object, n)
		for i := range all {
			all[i] = object{"resource": object{"type": "project", "id": w.id("project")}}
		}
		return object{"subject": ann, "action": object{"name": "view"}, "evaluations": all}
	}
	lookup := func(limit int, cursor string) object {
		return object{"resource_type": "project", "permission": "view", "subject": ann, "limit": limit, "cursor": cursor}
	}
	project := func() object { return object{"id": w.fresh(), "name": "x"} }
	projects := w.path("client") + "/projects"
	for name, c := range map[string]struct {
		method, path string
		body         func(n int) any
		headers      func(n int) []string
		most, ok     int
		status       int
		code         string
	}{
		"bytes of a body": {http.MethodPost, "/v1/check", func(n int) any {
			b := fmt.Sprintf(`{"resource":{"type":"project","id":%q},"permission":"view","subject":{"type":"user","id":"ann"}}`, w.id("project"))
			return strings.Repeat(" ", n-len(b)) + b
		}, nil, 1 << 20, 200, 413, "body_too_large"},
		"checks of a bulk":  {http.MethodPost, "/v1/check/bulk", func(n int) any { return checks(n) }, nil, 1000, 200, 422, "invalid_checks"},
		"evaluations":       {http.MethodPost, "/access/v1/evaluations", func(n int) any { return evaluations(n) }, nil, 1000, 200, 400, "too_many_evaluations"},
		"objects of a page": {http.MethodPost, "/v1/lookup/resources", func(n int) any { return lookup(n, "") }, nil, 1000, 200, 422, "invalid_limit"},
		"bytes of a cursor": {http.MethodPost, "/v1/lookup/resources", func(n int) any { return lookup(1, strings.Repeat("x", n)) }, nil, 4096, 200, 422, "malformed_cursor"},
		"bytes of a reason": {http.MethodPost, projects, func(int) any { return project() }, func(n int) []string { return []string{"Gatehouse-Reason", strings.Repeat("x", n)} }, 500, 201, 400, "malformed_parameter"},
		"bytes of a key":    {http.MethodPost, projects, func(int) any { return project() }, func(n int) []string { return []string{"Idempotency-Key", strings.Repeat("x", n)} }, 200, 201, 400, "malformed_parameter"},
		"allowed instances": {http.MethodPut, w.path("instance") + "/sharing", func(n int) any { return object{"enabled": true, "allowed_instances": make([]string, n)} }, nil, 500, 422, 422, "too_many_instances"},
	} {
		t.Run(name, func(t *testing.T) {
			try := func(n int) answer {
				var body any
				var headers []string
				if c.body != nil {
					body = c.body(n)
				}
				if c.headers != nil {
					headers = c.headers(n)
				}
				return operator.do(t, c.method, c.path, body, headers...)
			}
			try(c.most).want(t, c.ok)
			try(c.most+1).want(t, c.status).code(t, c.code)
		})
	}

	t.Run("bytes of all headers", func(t *testing.T) {
		request, _, err := operator.request(http.MethodGet, "/v1/me", nil, "X-Padding", strings.Repeat("x", 64<<10))
		require.NoError(t, err)
		got, err := shared.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.StatusCode)
	})
	t.Run("relationships and bytes of a gRPC call", func(t *testing.T) {
		permissions := v1.NewPermissionsServiceClient(shared.conn)
		var many []*v1.RelationshipUpdate
		for n := range 1001 {
			many = append(many, touch("project", w.id("project"), "member", "user", fmt.Sprint("u", n), time.Time{}))
		}
		_, err := permissions.WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{Updates: many})
		assert.Equal(t, codes.InvalidArgument, status.Code(err), "%v", err)
		_, err = v1.NewSchemaServiceClient(shared.conn).WriteSchema(t.Context(), &v1.WriteSchemaRequest{Schema: "/*" + strings.Repeat("x", 5<<20) + "*/"})
		assert.NotEqual(t, codes.OK, status.Code(err))
	})
}

// TestSlowClientsAreCutOff has a client send half a request, and no more.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	operator := shared.operator(t)
	for name, c := range map[string]struct {
		sent string
		time time.Duration
	}{
		"nothing":       {"", 5 * time.Second},
		"half a header": {"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-A: ", 5 * time.Second},
		"half a body": {"POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + operator.token +
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(shared.url, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.sent)
			require.NoError(t, err)
			begun := time.Now()
			require.NoError(t, conn.SetReadDeadline(begun.Add(c.time+20*time.Second)))
			said, err := io.ReadAll(conn)
			require.NoError(t, err, "the server hangs up")
			assert.NotContains(t, string(said), "200 OK")
			assert.Greater(t, time.Since(begun), c.time-time.Second)
		})
	}
}

// TestConnectionsAreBounded: one more has to wait until another ends.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-connections", "2")
	ask := func(conn net.Conn) (*http.Response, error) {
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return nil, err
		}
		return http.ReadResponse(bufio.NewReader(conn), nil)
	}
	var conns []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		conns = append(conns, conn)
	}
	for _, conn := range conns[:2] {
		got, err := ask(conn)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.NoError(t, got.Body.Close())
	}
	require.NoError(t, conns[2].SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err := ask(conns[2])
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conns[0].Close())
	require.NoError(t, conns[2].SetReadDeadline(time.Now().Add(10*time.Second)))
	got, err := http.ReadResponse(bufio.NewReader(conns[2]), nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, got.StatusCode)
	require.NoError(t, got.Body.Close())
}

// TestEveryRateIsKept asks too often in each way there is, of a server by itself and
// of one that counts in Redis.
func TestEveryRateIsKept(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"by itself", "in Redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			flags := []string{
				"--limit-questions=5", "--limit-requests=40", "--limit-failures=6", "--limit-invitations=8", "--limit-mailbox=4",
				"--trusted-proxies=127.0.0.0/8",
			}
			var redis *redistest.Server
			if store == "in Redis" {
				redis = redistest.Start(t)
				flags = append(flags, "--redis-url", "redis://"+redis.Address())
			}
			s := start(t, flags...)
			w := build(t, s, "rates")
			rates(t, w, redis)
		})
	}
}

func rates(t *testing.T, w world, redis *redistest.Server) {
	s, admin := w.server, w.admin(t, "project")
	me := func(c caller, from string) answer {
		return c.do(t, http.MethodGet, "/v1/me", nil, "X-Forwarded-For", from)
	}
	invite := func(c caller, to string) answer {
		return c.post(t, w.path("project")+"/invitations", object{"email": to})
	}

	t.Run("questions of a credential", func(t *testing.T) {
		q := question("project", w.id("project"), "view", object{"type": "user", "email": w.email("admin")})
		granted, refused := refusedAfter(t, func() answer { return admin.post(t, "/v1/check", q) })
		assert.GreaterOrEqual(t, granted, 5)
		refused.code(t, "too_many_questions")
		assert.Equal(t, "1", refused.header.Get("Retry-After"))
		other := caller{s, s.mint(t, "--email", w.email("admin"), "--operator")}
		other.post(t, "/v1/check", q).want(t, http.StatusOK)
		admin.get(t, "/v1/me").want(t, http.StatusOK)

		bulk := object{"checks": []object{q, q, q, q, q, q, q, q, q, q, q, q, q, q, q}}
		granted, refused = refusedAfter(t, func() answer { return other.post(t, "/v1/check/bulk", bulk) })
		assert.LessOrEqual(t, granted, 1, "each of a bulk counts")
		refused.code(t, "too_many_questions")
		await(t, "them to be earned", func() bool { return admin.post(t, "/v1/check", q).status == http.StatusOK })
	})

	t.Run("requests of a person", func(t *testing.T) {
		busy, other := s.as(t, w.email("busy")), s.as(t, w.email("idle"))
		granted, refused := refusedAfter(t, func() answer { return busy.get(t, "/v1/me") })
		assert.GreaterOrEqual(t, granted, 40)
		refused.code(t, "too_many_requests")
		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		require.NoError(t, err)
		assert.InDelta(t, 1, wait, 1, "as 40 a minute are earned")
		other.get(t, "/v1/me").want(t, http.StatusOK)
		busy.post(t, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "email": w.email("busy")})).
			want(t, http.StatusOK)
	})

	t.Run("refusals to an address", func(t *testing.T) {
		known, unknown := s.as(t, w.email("known")), s.as(t, w.email("unknown"))
		me(known, "198.51.100.7").want(t, http.StatusOK)
		forger := caller{s, known.token + "x"}
		granted, refused := refusedAfter(t, func() answer { return me(forger, "203.0.113.9, 198.51.100.7") })
		assert.InDelta(t, 6, granted, 2)
		refused.code(t, "too_many_failures")
		me(unknown, "198.51.100.7").want(t, http.StatusTooManyRequests).code(t, "too_many_failures")
		for range 10 {
			me(known, "198.51.100.7").want(t, http.StatusOK)
		}
		me(unknown, "198.51.100.8").want(t, http.StatusOK)
		me(unknown, "198.51.100.7").want(t, http.StatusOK) // it is known by now

		for n := range 20 {
			me(forger, fmt.Sprintf("2001:db8::%x", n+1))
		}
		me(forger, "2001:db8::ffff").want(t, http.StatusTooManyRequests)
		me(forger, "2001:db8:0:1::1").want(t, http.StatusUnauthorized)
	})

	t.Run("invitations to a mailbox", func(t *testing.T) {
		operator, name := s.operator(t), w.fresh()
		for n := range 4 {
			invite([]caller{admin, operator}[n%2], fmt.Sprintf("%s+%d@example.org", name, n)).want(t, http.StatusCreated)
		}
		refused := invite(operator, name+"@example.org").want(t, http.StatusTooManyRequests).code(t, "too_many_invitations")
		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		require.NoError(t, err)
		assert.InDelta(t, 6*60*60, wait, 120, "as four a day are earned")
		invite(operator, w.email(w.fresh())).want(t, http.StatusCreated)
	})

	t.Run("invitations by a person, sent again or not", func(t *testing.T) {
		inviter := s.as(t, w.email("inviter"))
		w.add(t, "partner", w.email("inviter"), "partner_admin")
		first := invite(inviter, w.email(w.fresh())).want(t, http.StatusCreated)
		again := inviter.post(t, "/v1/invitations/"+first.text(t, "invitation", "id")+"/resend", nil).want(t, http.StatusCreated)
		for range 6 {
			invite(inviter, w.email(w.fresh())).want(t, http.StatusCreated)
		}
		invite(inviter, w.email(w.fresh())).want(t, http.StatusTooManyRequests).code(t, "too_many_invitations")
		inviter.post(t, "/v1/invitations/"+again.text(t, "invitation", "id")+"/resend", nil).want(t, http.StatusTooManyRequests)
		invite(admin, w.email(w.fresh())).want(t, http.StatusCreated)
	})

	t.Run("what was refused is counted", func(t *testing.T) {
		metrics := string(page(t, s, "/metrics").body)
		for _, limit := range []string{"questions", "requests", "failures", "mailbox", "invitations"} {
			assert.Contains(t, metrics, `gatehouse_http_requests_refused_total{limit="`+limit+`"}`)
		}
		assert.Contains(t, metrics, `gatehouse_http_requests_in_flight{of="work"} 0`)
	})

	if redis == nil {
		return
	}
	t.Run("more strictly while Redis is down", func(t *testing.T) {
		late, first := s.as(t, w.email("late")), w.fresh()+"@example.org"
		w.add(t, "partner", w.email("late"), "partner_admin")
		invite(late, first).want(t, http.StatusCreated)
		redis.Kill()
		invite(late, first).want(t, http.StatusCreated)
		invite(late, first).want(t, http.StatusTooManyRequests).code(t, "too_many_invitations") // two of four
		redis.Restart()
		await(t, "as many as before", func() bool { return invite(late, first).status == http.StatusCreated })
	})
}

// refusedAfter repeats a request until it is refused for having come too often, and
// says how often it was not.
func refusedAfter(t *testing.T, try func() answer) (granted int, refused answer) {
	t.Helper()
	for ; granted < 300; granted++ {
		if got := try(); got.status == http.StatusTooManyRequests {
			require.NotEmpty(t, got.header.Get("Retry-After"))
			return granted, got
		}
	}
	require.Fail(t, "nothing was refused")
	return
}

// TestForwardedAddressesAreTrustedOnlyOfProxies looks at where the audit says that a
// change came from.
func TestForwardedAddressesAreTrustedOnlyOfProxies(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[string]string{"": "127.0.0.1", "127.0.0.1": "198.51.100.7", "192.0.2.0/24": "127.0.0.1"} {
		s := start(t, "--trusted-proxies", trusted)
		w := build(t, s, "forwarded")
		w.admin(t, "project").do(t, http.MethodPost, w.path("client")+"/projects", object{"id": w.fresh(), "name": "x"},
			"X-Forwarded-For", "203.0.113.1, 198.51.100.7", "X-Real-IP", "203.0.113.2", "Forwarded", "for=203.0.113.3", "Gatehouse-Reason", "forwarded").want(t, http.StatusCreated)
		var events []byte
		await(t, "the event", func() bool {
			events = s.operator(t).get(t, "/v1/audit-events?limit=5").want(t, http.StatusOK).body
			return bytes.Contains(events, []byte(`"reason":"forwarded"`))
		})
		assert.Contains(t, string(events), `"from":"`+want+`"`, "trusting %q", trusted)
		assert.NotContains(t, string(events), "203.0.113.", "trusting %q", trusted)
	}
}
