// Package client asks a Gatehouse server who may do what.
//
// A Client is made once and used by everyone at once:
//
//	gatehouse, err := client.New(client.Config{
//		URL:   "https://gatehouse.example",
//		Token: client.StaticToken(os.Getenv("GATEHOUSE_TOKEN")),
//	})
//
// It answers one question, or says why it could not:
//
//	decision, err := gatehouse.Check(ctx, client.Check{
//		Resource:   client.Object{Type: "project", ID: "discovery"},
//		Permission: "view",
//		Subject:    client.User("01M80BPGFCZAGR3BVNVH85WG5C"),
//	})
//
// and guards the routes of an HTTP server:
//
//	guard := client.Guard{Client: gatehouse, Subject: signedInUser}
//	mux.Handle("GET /projects/{id}", guard.Require("view", client.FromPath("project", "id"), show))
//
// # Errors
//
// An error is never an answer: a Decision beside an error allows nothing. What a program does about one, it finds out
// with errors.Is: ErrUnauthenticated, ErrForbidden and ErrUnavailable. Details are in *Error, for errors.As.
//
// # Retries
//
// Everything here only reads, so whatever may pass by itself is tried again: failures of the connection, and answers that
// say that the server is busy (429) or down (502, 503, 504). The waits grow, vary at random, heed Retry-After, and never
// outlast the context.
//
// # Freshness
//
// By default an answer is never older than a write that was acknowledged before the question. AtLeastAsFresh and
// FullyConsistent ask for more.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config is how to reach a server. Only URL and Token are needed.
type Config struct {
	// URL is where the server is, such as https://gatehouse.example.
	URL string

	// Token is asked for an access token before each request.
	Token TokenSource

	// Attempts is how often a request is sent at most; 1 switches retries off. Default: 4.
	Attempts int

	// Timeout is how long one attempt may take. Default: 5 s.
	Timeout time.Duration

	// MaxWait is the longest wait before another attempt. A server that asks for more
	// patience is not asked again. Default: 2 s.
	MaxWait time.Duration

	// Transport sends the requests. Default: one of the client's own, which keeps
	// enough connections open for many requests at once.
	Transport http.RoundTripper
}

// TokenSource returns an access token that is valid now. It is called for each
// attempt and by many goroutines at once, so it had better keep the token it has.
type TokenSource func(ctx context.Context) (string, error)

// StaticToken is the source of a token that never changes.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// Client asks one server. It is safe for use by many goroutines at once.
type Client struct {
	url      string
	token    TokenSource
	attempts int
	timeout  time.Duration
	maxWait  time.Duration
	http     *http.Client
}

// New makes a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("gatehouse: URL must be like https://gatehouse.example, not %q", c.URL)
	}
	if c.Token == nil {
		return nil, errors.New("gatehouse: Token is missing")
	}
	if c.Attempts < 0 || c.Timeout < 0 || c.MaxWait < 0 {
		return nil, errors.New("gatehouse: Attempts, Timeout and MaxWait must not be negative")
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	return &Client{
		url:      strings.TrimSuffix(base.String(), "/"),
		token:    c.Token,
		attempts: cmp.Or(c.Attempts, 4),
		timeout:  cmp.Or(c.Timeout, 5*time.Second),
		maxWait:  cmp.Or(c.MaxWait, 2*time.Second),
		http: &http.Client{
			Transport: c.Transport,
			// A token is for this server, not for where it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that no request uses. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		// All requests go to one host, and net/http would keep two connections to it.
		MaxIdleConnsPerHost: 128,
		// Shorter than servers and what stands before them commonly wait, so that a
		// request seldom meets a connection that is just being closed.
		IdleConnTimeout:     50 * time.Second,
		TLSHandshakeTimeout: 2 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}
