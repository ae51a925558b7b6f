package httpapi

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/authn"
)

// FuzzRequest: whatever a stranger sends, the answer is a refusal that says what is
// wrong, and none of it is taken for a fault of ours.
func FuzzRequest(f *testing.F) {
	dev, err := authn.OpenDevIssuer(filepath.Join(f.TempDir(), "key.pem"), true, time.Now)
	require.NoError(f, err)
	handler, err := New(Dependencies{
		Logins: authn.NewLogins(dev, nil, slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler),
		PublicURL: &url.URL{Scheme: "https", Host: "gatehouse.example"},
	})
	require.NoError(f, err)
	f.Add("GET", "/v1/me", "Authorization", "Bearer e30.e30.", "")
	f.Add("POST", "/v1/check", "Authorization", "Bearer gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", `{"resource":{}}`)
	f.Add("POST", "/v1/partners?x=%zz", "Idempotency-Key", "\xff", `{}`)
	f.Add("PUT", "/v1/projects/a%2fb/members/x/roles", "Content-Type", "application/json; charset=\xff", `[]`)
	f.Add("BREW", "//v1/..", "X-Request-ID", "a\x7f", "\x00")
	f.Add("POST", "/access/v1/evaluation", "Accept", "text/html;q=0", `{"subject":`)
	f.Add("HEAD", "/v1/invitations/accept", "Gatehouse-Reason", "r", "")
	f.Fuzz(func(t *testing.T, method, target, header, value, body string) {
		request, err := http.NewRequest(method, "/", strings.NewReader(body))
		if err != nil {
			return // which no client sends, nor server takes
		}
		if request.URL, err = url.ParseRequestURI(target); err != nil {
			return
		}
		request.RequestURI, request.RemoteAddr = target, "198.51.100.7:1"
		request.Header = http.Header{http.CanonicalHeaderKey(header): {value}}
		got := httptest.NewRecorder()
		if path := request.URL.Path; path == "/readyz" || path == "/metrics" {
			return // which tell of the parts, not of the request
		}
		handler.ServeHTTP(got, request)
		assert.Less(t, got.Code, 500, "%s", got.Body)
		for _, g := range guards {
			if g.name != "Content-Security-Policy" {
				assert.Equal(t, g.values, got.Header().Values(g.name), g.name)
			}
		}
		if got.Code >= 400 {
			assert.Equal(t, "application/problem+json", got.Header().Get("Content-Type"))
		} else if strings.HasPrefix(request.URL.Path, "/v1/") || strings.HasPrefix(request.URL.Path, "/access/v1/") {
			t.Errorf("%s %s is answered with %d", method, target, got.Code)
		}
	})
}

// FuzzBodies: every type of request reads every text, or says what is wrong with it.
func FuzzBodies(f *testing.F) {
	for _, text := range []string{
		`{"resource":{"type":"project","id":"a"},"permission":"view","subject":{"type":"user","email":"ann@example.org"},"consistency":{"fully_consistent":true}}`,
		`{"subject":{"type":"user","id":"a","properties":{"a":{"a":1}}},"action":{"name":"view"},"resource":{"type":"project","id":"a"},"context":{"a":[null]}}`,
		`{"evaluations":[{"resource":{"type":"project","id":null}}],"options":{"evaluations_semantic":"deny_on_first_deny"}}`,
		`{"subject":{"type":"user"},"page":{"token":"e30","limit":1e2}}`,
		`{"subject":[],"resource":"a"}`, `{"email":"ann@example.org","roles":["a"],"ends_on":"2026-03-29","expires_in":1e999}`, `{"expires_in":-9223372036854775809}`, `null`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, into := range []any{
			&CheckRequest{}, &BulkCheckRequest{}, &LookupResourcesRequest{}, &LookupSubjectsRequest{}, &EvaluationRequest{}, &EvaluationsRequest{}, &SearchRequest{},
			&NewMember{}, &NewInvitation{}, &AcceptInvitation{}, &MeChange{}, &ChangedRoles{}, &ChangedShare{}, &NewShare{}, &NewContract{}, &NewSubCustomer{}, &NewApplication{}, &NewAnnouncement{},
		} {
			var told *access.Error
			if err := decode(text, into); err != nil && !errors.Is(err, io.EOF) {
				require.ErrorAs(t, err, &told, "%T", into)
				assert.Equal(t, access.Malformed, told.Kind, "%T: %v", into, err)
			}
		}
	})
}

// FuzzPageToken: what a token is taken for continues the same search.
func FuzzPageToken(f *testing.F) {
	f.Add("e30")
	f.Add((search{For: subjects, Asked: SearchRequest{}.limited(), After: access.CursorAt("a")}).token())
	f.Add("eyJmb3IiOiJhY3Rpb25zIn0")
	f.Fuzz(func(t *testing.T, token string) {
		for _, what := range []searched{subjects, resources, actions} {
			var r SearchRequest
			r.Page.Token = token
			s, err := searchFor(what, r)
			if err != nil {
				assert.True(t, access.IsKind(err, access.Malformed), "%v", err)
				continue
			}
			r.Page.Token = s.token()
			again, err := searchFor(what, r)
			require.NoError(t, err)
			assert.Equal(t, s, again)
		}
	})
}

// FuzzForwarded: whatever a client says of itself, the address that a trusted proxy adds
// is the one it has.
func FuzzForwarded(f *testing.F) {
	f.Add("127.0.0.1", true)
	f.Add("10.0.0.2, 10.0.0.3", false)
	f.Add("unknown,,;\xff", true)
	f.Add("::ffff:10.0.0.1%eth0", false)
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, said string, apart bool) {
		header := http.Header{"X-Forwarded-For": {said + ",203.0.113.9"}}
		if apart {
			header["X-Forwarded-For"] = []string{said, "203.0.113.9"}
		}
		assert.Equal(t, "203.0.113.9", trusted.client(&http.Request{RemoteAddr: "10.0.0.1:7", Header: header}))
		assert.Equal(t, "192.0.2.1", trusted.client(&http.Request{RemoteAddr: "192.0.2.1:7", Header: header}))
		client := trusted.client(&http.Request{RemoteAddr: "10.0.0.1:7", Header: http.Header{"X-Forwarded-For": {said}}})
		_, err := netip.ParseAddr(client)
		assert.NoError(t, err, client)
	})
}

// FuzzAuditQuery: what is asked of the audit is of the form it is kept in.
func FuzzAuditQuery(f *testing.F) {
	f.Add("project:a", "application_key:b", "ann", "add", "2026-03-29T12:00:00Z", "")
	f.Add(":", "*", "user:ann", "Add", "2026-02-30T00:00:00Z", "§")
	f.Fuzz(func(t *testing.T, object, actor, person, operation, from, cursor string) {
		q, err := auditQuery(ListAuditEventsParams{Object: object, Actor: actor, Person: person, Operation: operation, From: from, Cursor: cursor})
		if err != nil {
			assert.True(t, access.IsKind(err, access.Invalid), "%v", err)
			return
		}
		for _, o := range []access.Object{q.On, q.Actor} {
			if o != (access.Object{}) {
				_, err := access.ParseObject(o.Type, o.ID)
				assert.NoError(t, err)
			}
		}
		assert.Equal(t, person, q.Person)
		assert.Equal(t, operation, q.Operation)
		assert.False(t, from != "" && q.From.IsZero() && !strings.HasPrefix(from, "0001-"), from)
	})
}
