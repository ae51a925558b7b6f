package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/client"
	"github.com/gatehouse/gatehouse/internal/authn"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/demo"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/server"
)

// A real server runs in this process, with the world of `gatehouse serve --demo`.
var (
	serverURL string
	token     string // of an operator, who may ask anything
	issuer    *authn.DevIssuer
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "gatehouse-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s, err := server.New(ctx, config.Config{
		Stores: config.Stores{DataDir: filepath.Join(dir, "data")}, InMemory: true, Dev: true, HTTPAddr: "127.0.0.1:0",
		PublicURL: "http://gatehouse.example", MailFrom: "gatehouse@example.org", TimeZone: "UTC",
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := demo.Load(ctx, s.Operations); err != nil {
		return 0, err
	}
	if issuer, err = authn.OpenDevIssuer(config.DevKey("", filepath.Join(dir, "data")), false, time.Now); err != nil {
		return 0, err
	}
	if token, err = issuer.Token("operator@gatehouse.example", true); err != nil {
		return 0, err
	}
	serverURL = s.URL
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	code = m.Run()
	stop()
	return code, <-ended
}

func tokenOf(t *testing.T, address email.Address) string {
	t.Helper()

	made, err := issuer.Token(address, false)
	require.NoError(t, err)
	return made
}

// connect makes a client of the server, as its operator unless told otherwise.
func connect(t *testing.T, change ...func(*client.Config)) *client.Client {
	t.Helper()

	c := client.Config{URL: serverURL, Token: client.StaticToken(token)}
	for _, f := range change {
		f(&c)
	}
	made, err := client.New(c)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made
}

func at(url string) func(*client.Config) { return func(c *client.Config) { c.URL = url } }

// proxy stands between client and server. It answers the first requests by the
// faults it is given, one each, and hands on the rest.
type proxy struct {
	url         string
	requests    atomic.Int64
	connections atomic.Int64
	ids         chan string // of the requests
}

func between(t *testing.T, faults ...http.HandlerFunc) *proxy {
	t.Helper()

	target, err := url.Parse(serverURL)
	require.NoError(t, err)
	onward := httputil.NewSingleHostReverseProxy(target)
	p := &proxy{ids: make(chan string, 4096)}
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.ids <- r.Header.Get("X-Request-ID")
		if n := p.requests.Add(1); int(n) <= len(faults) {
			faults[n-1](w, r)
			return
		}
		onward.ServeHTTP(w, r)
	}))
	listener.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.connections.Add(1)
		}
	}
	listener.Start()
	t.Cleanup(listener.Close)
	p.url = listener.URL
	return p
}

// status answers with a problem of that status, and headers by name and value.
func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":"Fault","status":%d,"code":"fault","detail":"made by the test"}`, code)
	}
}

// says answers 200 with whatever body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// breakOff closes the connection in the middle of an answer.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = fmt.Fprint(w, `{"allowed":true`)
	panic(http.ErrAbortHandler)
}

// stall does not answer until the client has left.
func stall(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // before that, net/http does not look whether the client is there
	<-r.Context().Done()
}

func repeated(n int, f http.HandlerFunc) []http.HandlerFunc {
	var all []http.HandlerFunc
	for range n {
		all = append(all, f)
	}
	return all
}

// may is a question about the demo that is answered yes; mayNot is one answered no.
var (
	may    = client.Check{Resource: discovery, Permission: "view", Subject: uma}
	mayNot = client.Check{Resource: discovery, Permission: "administer", Subject: uma}

	discovery = client.Object{Type: "project", ID: "discovery"}
	uma       = client.UserByEmail("uma.patel@globex.example")
	paula     = client.UserByEmail("paula.berger@cloudnine.example")
)
