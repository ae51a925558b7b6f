package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/limits"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
)

// backend is the SpiceDB that answers, in this process or another.
type backend interface {
	checks.Evaluator
	cache.Evidence
	cache.Schema
	// Datastore names where the relationships are kept: no two have one name.
	Datastore(ctx context.Context) (string, error)
}

// remote is a SpiceDB that runs by itself.
type remote struct {
	*relationships.Moments
	*relationships.Pulse
}

// Datastore names where the relationships are kept, by the tokens it issues.
func (r remote) Datastore(ctx context.Context) (string, error) {
	at, err := r.Head(ctx)
	if err != nil {
		return "", err
	}
	return spicedb.Issuer(at)
}

// cached is the check path, and what keeps it from being stale.
type cached struct {
	checks.Evaluator
	writer    access.Relationships
	followers []follower
	collected []prometheus.Collector
	store     cache.Store  // nil: nothing is kept
	rates     limits.Store // nil: each server counts by itself
}

// state says whether answers are kept: "ok", "bypassed" while the store cannot be
// reached, "off" where there is none.
func (c *cached) state(ctx context.Context) string {
	if c.store == nil {
		return "off"
	}
	if _, err := c.store.Now(ctx); err != nil {
		return "bypassed"
	}
	return "ok"
}

// remembered answers from the cache what it can.
type remembered struct {
	backend
	*cache.Cache
}

func (r remembered) Check(ctx context.Context, q access.Check) (access.Decision, error) {
	return r.Cache.Check(ctx, q)
}

func (r remembered) CheckBulk(ctx context.Context, qs []access.Check) []access.Answer {
	return r.Cache.CheckBulk(ctx, qs)
}

// cache puts the check cache between the backend and those who ask, and between the
// relationships and those who write. Servers that share a SpiceDB must share the
// cache, too: without Redis, they compute every answer.
func (s *Server) cache(ctx context.Context, c config.Config, b backend, facts access.Relationships, ends access.Ends, t access.Tuplesets) (*cached, error) {
	if c.SpiceDBEndpoint != "" && c.RedisURL == "" {
		s.log.Info("every check is computed: name a redis-url to have answers cached")
		return &cached{Evaluator: b, writer: facts}, nil
	}
	var store cache.Store = cache.NewMemory(time.Now)
	built := &cached{}
	if c.RedisURL != "" {
		redis, err := s.redis(ctx, c, b, built)
		if err != nil {
			return nil, err
		}
		store, built.rates = redis, redis
	}
	built.store = store
	metrics := cache.NewMetrics(time.Now)
	metrics.Following = s.counts
	remember := cache.New(b, store, ends, time.Now, metrics)
	s.closers = append(s.closers, remember.Close)
	built.Evaluator = remembered{b, remember}
	built.writer = cache.NewWriter(facts, store, ends, t, b, metrics)
	built.collected = metrics.Collectors()
	built.followers = append(built.followers, cache.NewTailer(facts, store, ends, t, b, b, metrics, s.log))
	return built, nil
}

// redis opens the store that replicas share.
func (s *Server) redis(ctx context.Context, c config.Config, b backend, built *cached) (*redisstore.Store, error) {
	where, err := config.ParseRedis(c.RedisURL)
	if err != nil {
		return nil, err
	}
	datastore, err := b.Datastore(ctx)
	if err != nil {
		return nil, err
	}
	store := redisstore.Open(where, datastore)
	s.closers = append(s.closers, store.Close)
	if traces := s.traces.Parts(); traces != nil {
		if err := store.Trace(traces); err != nil {
			return nil, fmt.Errorf("trace Redis: %w", err)
		}
	}
	if c.SpiceDBEndpoint == "" {
		owner := &owner{store: store, datastore: datastore, log: s.log}
		if err := owner.claim(ctx); errors.Is(err, redisstore.ErrClaimed) {
			return nil, fmt.Errorf("redis-url: %w. Give each a Redis of its own, or let both use one SpiceDB (spicedb-endpoint)", err)
		}
		built.followers = append(built.followers, owner)
	}
	if err := store.Ping(ctx); err != nil {
		s.log.Warn("Redis does not answer: until it does, every check is computed", "error", err)
	}
	return store, nil
}
