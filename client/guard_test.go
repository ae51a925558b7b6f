package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/client"
)

func as(s client.Subject) func(*http.Request) (client.Subject, error) {
	return func(*http.Request) (client.Subject, error) { return s, nil }
}

// guarded asks for a path under a guard, and says whether the handler was reached.
func guarded(g client.Guard, permission, path string) (w *httptest.ResponseRecorder, through bool) {
	mux := http.NewServeMux()
	mux.Handle("/projects/{id}", g.Require(permission, client.FromPath("project", "id"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		through = true
		w.WriteHeader(http.StatusNoContent)
	})))
	w = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Request-ID", "from-outside")
	mux.ServeHTTP(w, r)
	return w, through
}

func TestGuard(t *testing.T) {
	asOperator := connect(t)
	for name, c := range map[string]struct {
		guard            client.Guard
		permission, path string
		want             int
	}{
		"allowed":                   {client.Guard{Client: asOperator, Subject: as(uma)}, "view", "/projects/discovery", http.StatusNoContent},
		"denied":                    {client.Guard{Client: asOperator, Subject: as(uma)}, "administer", "/projects/discovery", http.StatusForbidden},
		"another's":                 {client.Guard{Client: asOperator, Subject: as(uma)}, "view", "/projects/audit", http.StatusForbidden},
		"nothing there":             {client.Guard{Client: asOperator, Subject: as(uma)}, "view", "/projects/nothing", http.StatusForbidden},
		"no such id":                {client.Guard{Client: asOperator, Subject: as(uma)}, "view", "/projects/a%20b", http.StatusForbidden},
		"everyone":                  {client.Guard{Client: asOperator, Subject: as(client.User("*"))}, "view", "/projects/discovery", http.StatusForbidden},
		"a stranger":                {client.Guard{Client: asOperator, Subject: as(client.UserByEmail("stranger@example.org"))}, "view", "/projects/discovery", http.StatusForbidden},
		"a subject that is nobody":  {client.Guard{Client: asOperator, Subject: as(client.Subject{})}, "view", "/projects/discovery", http.StatusForbidden},
		"a user without an id":      {client.Guard{Client: asOperator, Subject: as(client.User(""))}, "view", "/projects/discovery", http.StatusForbidden},
		"nobody signed in":          {client.Guard{Client: asOperator, Subject: func(*http.Request) (client.Subject, error) { return uma, errors.New("no session") }}, "view", "/projects/discovery", http.StatusForbidden},
		"no such permission":        {client.Guard{Client: asOperator, Subject: as(uma)}, "levitate", "/projects/discovery", http.StatusServiceUnavailable},
		"the client has no token":   {client.Guard{Client: connect(t, func(c *client.Config) { c.Token = client.StaticToken("") }), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
		"the client may not ask":    {client.Guard{Client: connect(t, func(c *client.Config) { c.Token = client.StaticToken(tokenOf(t, "stranger@example.org")) }), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
		"the server is not there":   {client.Guard{Client: connect(t, at("http://127.0.0.1:1")), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
		"the server fails":          {client.Guard{Client: connect(t, at(between(t, status(500)).url)), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
		"the server says something": {client.Guard{Client: connect(t, at(between(t, says(`{}`)).url)), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
		"the server says allowed, and breaks off": {client.Guard{Client: connect(t, at(between(t, repeated(4, breakOff)...).url)), Subject: as(uma)}, "view", "/projects/discovery", http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w, through := guarded(c.guard, c.permission, c.path)
			assert.Equal(t, c.want, w.Code, "%s", w.Body)
			assert.Equal(t, c.want == http.StatusNoContent, through)
			if !through {
				assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestGuardNeedsTheWildcard(t *testing.T) {
	g := client.Guard{Client: connect(t), Subject: as(paula)}
	w := httptest.NewRecorder()
	g.Require("view", client.FromPath("project", "project"), http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/projects/discovery", nil))
	assert.Equal(t, http.StatusForbidden, w.Code)
}

func TestGuardPassesOnWhenToComeBack(t *testing.T) {
	p := between(t, status(http.StatusServiceUnavailable, "Retry-After", "7"))
	w, through := guarded(client.Guard{Client: connect(t, at(p.url)), Subject: as(uma)}, "view", "/projects/discovery")
	assert.False(t, through)
	assert.Equal(t, "7", w.Header().Get("Retry-After"))
}

func TestGuardPassesOnTheRequestID(t *testing.T) {
	p := between(t)
	guarded(client.Guard{Client: connect(t, at(p.url)), Subject: as(uma)}, "view", "/projects/discovery")
	assert.Equal(t, "from-outside", <-p.ids)
}

func TestGuardRefusesAsItIsTold(t *testing.T) {
	var why error
	g := client.Guard{Client: connect(t), Subject: as(uma), Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		why = err
		w.WriteHeader(http.StatusTeapot)
	}}
	w, through := guarded(g, "administer", "/projects/discovery")
	assert.False(t, through)
	assert.Equal(t, http.StatusTeapot, w.Code)
	require.ErrorIs(t, why, client.ErrDenied)
}

func TestGuardsAreWhole(t *testing.T) {
	whole := client.Guard{Client: connect(t), Subject: as(uma)}
	resource, next := client.FromPath("project", "id"), http.NotFoundHandler()
	assert.NotPanics(t, func() { whole.Require("view", resource, next) })
	assert.Panics(t, func() { client.Guard{Client: whole.Client}.Require("view", resource, next) })
	assert.Panics(t, func() { client.Guard{Subject: whole.Subject}.Require("view", resource, next) })
	assert.Panics(t, func() { whole.Require("", resource, next) })
	assert.Panics(t, func() { whole.Require("view", nil, next) })
	assert.Panics(t, func() { whole.Require("view", resource, nil) })
}
