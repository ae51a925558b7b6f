package integration

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPagesForEverybody are served to whoever asks, signed in or not.
func TestPagesForEverybody(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("../internal/httpapi/openapi.yaml")
	require.NoError(t, err)

	for path, c := range map[string]struct {
		contentType, content string
	}{
		"/healthz":                {"application/json", `{"status":"ok"}`},
		"/readyz":                 {"application/json", `"spicedb":"ok"`},
		"/metrics":                {"text/plain", "gatehouse_http_request_duration_seconds_count"},
		"/openapi.yaml":           {"application/yaml", string(contract)},
		"/docs":                   {"text/html", "Gatehouse"},
		"/invitations/accept":     {"text/html", "<form"},
		"/invitations/accept.js":  {"text/javascript", "/v1/invitations/accept"},
		"/invitations/accept.css": {"text/css", "{"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()

			got := page(t, shared, path)
			require.Equal(t, http.StatusOK, got.status)
			assert.Contains(t, got.header.Get("Content-Type"), c.contentType)
			assert.Contains(t, string(got.body), c.content)
			assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-referrer", got.header.Get("Referrer-Policy"), "a link carries its token")
			assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
			assert.Equal(t, "DENY", got.header.Get("X-Frame-Options"))
			assert.Regexp(t, "default-src '(none|self)'.*frame-ancestors 'none'", got.header.Get("Content-Security-Policy"))
		})
	}
	for _, path := range []string{"/", "/invitations/", "/invitations/../accept", "/invitations/accept.html.bak", "/debug/pprof/", "/favicon.ico"} {
		t.Run("no "+path, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, checkProblem(page(t, shared, path), false))
		})
	}
}

// TestLogsHoldNoSecrets looks for what opens something, and for whom it concerns,
// in all that a server logs in its most talkative mood.
func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	s := start(t, "--log-level", "debug")
	w := build(t, s, "logged")

	admin := w.admin(t, "project")
	admin.post(t, w.path("project")+"/invitations", object{"email": w.email("ann")}).want(t, http.StatusCreated)
	_, token := s.letter(t, w.email("ann")).link(t)
	page(t, s, "/invitations/accept?token="+token)
	s.as(t, w.email("ann")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	s.as(t, w.email("ann")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusConflict)
	admin.get(t, w.path("project")+"/members?q="+w.email("ann")).want(t, http.StatusOK)

	require.NoError(t, s.stop())
	logged := s.stderr.String()
	require.Contains(t, logged, "/v1/invitations/accept", "requests are logged")
	for what, secret := range map[string]string{
		"the token of a link": token, "an access token": admin.token, "the preshared key": s.key, "an e-mail address": w.email("ann"),
	} {
		assert.NotContains(t, logged, secret, what)
	}
}

// page gets what is no part of the contract.
func page(t *testing.T, s *server, path string) answer {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	got, err := s.exchange(request)
	require.NoError(t, err)
	return got
}
