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
	"github.com/gatehouse/gatehouse/internal/config"
)

// backend is the SpiceDB that answers, in this process or another.
type backend interface {
	cache.Evaluator
	cache.Evidence
	cache.Schema
	Covers(ctx context.Context, t access.Token) error
	Datastore(ctx context.Context) (string, error)
}

// cached is what the cache consists of, for those who use it.
type cached struct {
	*cache.Cache
	backend
	writer    *cache.Writer
	collected []prometheus.Collector
	ready     func(ctx context.Context) error // nil: there is nothing that may be down
}

// Check and CheckBulk are the cache's, not the backend's.
func (c *cached) Check(ctx context.Context, q access.Check) (access.Decision, error) {
	return c.Cache.Check(ctx, q)
}

func (c *cached) CheckBulk(ctx context.Context, qs []access.Check) []access.Answer {
	return c.Cache.CheckBulk(ctx, qs)
}

// cache puts the check cache between the backend and those who ask, and between the
// relationships and those who write.
func (s *Server) cache(ctx context.Context, c config.Config, b backend, r access.Relationships, ends access.Ends, t access.Tuplesets) (*cached, error) {
	var store cache.Store = cache.NewMemory(time.Now)
	built := &cached{backend: b}
	if c.RedisURL != "" {
		redis, err := s.redis(ctx, c, b)
		if err != nil {
			return nil, err
		}
		store, built.ready = redis, redis.Ping
	}
	metrics := cache.NewMetrics(time.Now)
	built.Cache = cache.New(b, store, ends, time.Now, metrics)
	s.closers = append(s.closers, built.Close)
	built.writer = cache.NewWriter(r, store, ends, t, b, metrics)
	built.collected = metrics.Collectors()
	s.followers = append(s.followers, cache.NewTailer(r, store, ends, t, b, b, metrics, s.log))
	return built, nil
}

// redis opens the store that replicas share.
func (s *Server) redis(ctx context.Context, c config.Config, b backend) (*redisstore.Store, error) {
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
	if c.SpiceDBEndpoint == "" {
		owner := &owner{store: store, datastore: datastore, log: s.log}
		if err := owner.claim(ctx); errors.Is(err, redisstore.ErrClaimed) {
			return nil, fmt.Errorf("redis-url: %w. Give each a Redis of its own, or let both use one SpiceDB (spicedb-endpoint)", err)
		}
		s.followers = append(s.followers, owner)
	}
	if err := store.Ping(ctx); err != nil {
		s.log.Warn("Redis does not answer: until it does, every check is computed", "error", err)
	}
	return store, nil
}
