// Package server puts the parts together and runs them.
package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/explain"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/httpapi"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/tracing"
	"github.com/gatehouse/gatehouse/internal/uses"
	"github.com/gatehouse/gatehouse/schema"
)

// drainTime is how long requests in flight may take to end once the server is
// told to stop.
const drainTime = 5 * time.Second

// answerTime is how long a part may take to say that it is ready.
const answerTime = 2 * time.Second

// slowFile is how large a data file may be, in bytes, to be opened without a word.
const slowFile = 600 << 20

// Server is everything that runs.
type Server struct {
	Operations *operations.Operations
	URL        string // where the HTTP API is reached from this machine

	log       *slog.Logger
	traces    *tracing.Tracing // nil: off
	http      *http.Server
	listener  net.Listener
	followers []follower
	closers   []func() error // in the order of opening

	measured []prometheus.Collector
	looked   *lookups
	counts   *follow.Counts
	turn     prometheus.Gauge
}

// keeper is the directory as the other parts know it.
type keeper interface {
	operations.Directory
	access.Cursors
	access.Ends
	access.Replays
}

// follower does what is derived from changes until its context ends.
type follower interface{ Run(ctx context.Context) }

// New opens every part, ready to serve; Close must follow.
func New(ctx context.Context, c config.Config, log *slog.Logger) (_ *Server, err error) {
	s := &Server{log: log, looked: &lookups{now: time.Now}, counts: follow.NewCounts(), turn: newTurn()}
	s.measured = append(s.counts.Collectors(), s.looked, s.turn)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if s.traces, err = tracing.Open(ctx, log); err != nil {
		return nil, err
	}
	if s.traces != nil {
		s.closers = append(s.closers, s.traces.Close)
		log = s.traces.Logger(log)
		s.log = log
	}
	logins, err := s.logins(c)
	if err != nil {
		return nil, err
	}
	var shown *certificate
	if c.TLS.On() {
		if shown, err = openCertificate(c.TLS, log); err != nil {
			return nil, err
		}
		s.measured = append(s.measured, shown.ends())
	}

	on, err := s.stand(ctx, c)
	if on.ready != nil {
		defer on.ready()
	}
	if err != nil {
		return nil, err
	}
	if parts := s.traces.Parts(); parts != nil {
		on.backend = traced{on.backend, parts.Tracer("github.com/gatehouse/gatehouse/internal/server")}
	}
	gateway := on.gateway
	records, err := directory.New(ctx, on.db, time.Now, gateway.Exists)
	if err != nil {
		return nil, err
	}
	names, facts := seam[keeper](records), seam[access.Relationships](gateway)

	history, err := audit.New(ctx, on.db, time.Now, gateway.Read)
	if err != nil {
		return nil, err
	}
	if err := s.followAudit(ctx, c, facts, history); err != nil {
		return nil, err
	}

	tuplesets, err := spicedb.Tuplesets(schema.Text)
	if err != nil {
		return nil, err
	}
	cached, err := s.cache(ctx, c, on.backend, facts, names, tuplesets)
	if err != nil {
		return nil, err
	}
	checker := checks.New(cached, gateway)
	s.Operations = operations.New(operations.Dependencies{
		Relationships: cached.writer, Checks: checker, Lookups: checker, Directory: names, Audit: history,
		Now: time.Now, NewID: newID, TimeZone: c.TimeZone, Operators: operators(c),
	})
	if err := s.Operations.KeepOperators(ctx); err != nil {
		return nil, err
	}
	if err := s.listen(c.HTTPAddr, c.Limits.MaxConnections, shown); err != nil {
		return nil, err
	}
	public, err := url.Parse(cmp.Or(c.PublicURL, s.URL))
	if err != nil {
		return nil, err
	}
	post, err := s.mail(ctx, c, on.db, facts, checker, names, public)
	if err != nil {
		return nil, err
	}
	if err := s.sweep(ctx, cached.writer, names, tuplesets); err != nil {
		return nil, err
	}
	if c.SpiceDBEndpoint != "" {
		s.followers = []follower{inTurn{s, on.db, s.followers}}
	} else {
		s.turn.Set(1)
	}
	s.followers = append(append(s.followers, cached.followers...), logins)
	if shown != nil {
		s.followers = append(s.followers, shown)
	}
	vocabulary, err := gateway.Vocabulary(ctx)
	if err != nil {
		return nil, err
	}

	shape, err := spicedb.Shape(schema.Text)
	if err != nil {
		return nil, err
	}
	used := uses.New(names, time.Now, log)
	s.followers = append(s.followers, used)
	bounds := limitsOf(c.Limits, cached.rates)
	on.admit(admission(s.Operations, used, bounds))

	explainer := explain.New(explain.Dependencies{
		Store: gateway, Directory: names, Audit: history, Shape: shape, Now: time.Now, TimeZone: c.TimeZone,
	})

	ready := func(ctx context.Context) map[string]error {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		_, down := gateway.Head(ctx)
		return map[string]error{"spicedb": down, "directory": on.db.PingContext(ctx)}
	}
	s.looked.parts(ready, cached.state)
	s.measured = append(append(s.measured, cached.collected...), post.outcomes)

	handler, err := httpapi.New(httpapi.Dependencies{
		Operations: s.Operations, Checks: checker, Explainer: explainer, People: names, Replays: names, Logins: logins, Uses: used, Log: log, Traces: s.traces.Requests(), Vocabulary: vocabulary,
		Mails: post.mails, Announcements: post.announcer, PublicURL: public, Metrics: s.measured,
		Ready: ready, Cache: cached.state,
		Limits: bounds,
	})
	if err != nil {
		return nil, err
	}
	if shown != nil && !c.Dev { // a browser would ask everything on localhost for TLS from then on
		handler = strictly(handler)
	}
	s.http.Handler = handler
	return s, nil
}

// listen takes an address, to be served over TLS if there is a certificate to show.
func (s *Server) listen(addr string, connections int, shown *certificate) (err error) {
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return fmt.Errorf("listen on http-addr: %w", err)
	}
	if connections > 0 {
		s.listener = bound(s.listener, connections)
	}
	s.closers = append(s.closers, func() error {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	s.URL = "http://" + Reachable(s.listener.Addr().String())
	s.http = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second, // a request that is let in takes a place while its body is read
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if shown != nil {
		s.URL = "https://" + Reachable(s.listener.Addr().String())
		s.http.TLSConfig = shown.config()
	}
	return nil
}

// Reachable is an address at which this machine reaches a listener on all of its own.
func Reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// newID is a ULID with 80 bits nobody can guess.
func newID() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }

// Run serves until the context ends, and lets requests in flight finish. What
// followers have not handled by then, they find when they go on from their place.
func (s *Server) Run(ctx context.Context) error {
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFollowing()
	var running sync.WaitGroup
	running.Go(func() { runAll(following, s.followers) })
	served := make(chan error, 1)
	go func() {
		if s.http.TLSConfig == nil {
			served <- s.http.Serve(s.listener)
		} else {
			served <- s.http.ServeTLS(s.listener, "", "")
		}
	}()

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		s.log.Info("stopping")
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if s.http.Shutdown(drain) != nil {
			s.log.Warn("requests were cut off", "after", drainTime)
			err = s.http.Close()
		}
		<-served // http.ErrServerClosed
	}
	stopFollowing()
	running.Wait()
	return err
}

// runAll runs followers until the context ends.
func runAll(ctx context.Context, followers []follower) {
	var running sync.WaitGroup
	for _, f := range followers {
		running.Go(func() { f.Run(ctx) })
	}
	running.Wait()
}

// Close closes every part, the last opened first.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// operators are those the configuration names; it was validated.
func operators(c config.Config) []email.Address {
	var addresses []email.Address
	for _, text := range c.Operators {
		if address, err := email.Parse(text); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}
