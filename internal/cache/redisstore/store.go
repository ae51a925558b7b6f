// Package redisstore keeps the check cache in Redis, where every replica sees it.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/config"
)

const (
	// patience is how long Redis may take to answer a reader. Whoever waits
	// longer asks SpiceDB, which takes no longer than that.
	patience = 100 * time.Millisecond
	// epochLife is how long an epoch is kept that nobody begins anew. It costs a
	// miss to lose one.
	epochLife = 24 * time.Hour
)

// Store is a cache.Store in one Redis: a single server, one behind Sentinel, or the
// shard of a cluster that all its keys are on.
type Store struct {
	client  redis.UniversalClient
	servers *incarnations
	batch   *batcher
	near    *near
	rates   *redis_rate.Limiter
}

var _ cache.Store = (*Store)(nil)

// Open makes a store in a Redis that keeps what concerns one datastore apart from all
// else there. It connects when it is first used: that Redis is down is no error.
func Open(r config.Redis, datastore string) *Store {
	s := &Store{servers: &incarnations{tag: "{gatehouse:" + datastore + "}", now: time.Now}}
	s.client = dial(r, func(o *redis.UniversalOptions) {
		o.OnConnect = s.servers.greet
		o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = patience, patience, patience
		o.DialTimeout = 5 * patience
		o.MaxRetries = -1 // who fails goes on without Redis, and comes back
		o.ContextTimeoutEnabled = true
		o.ConnMaxLifetime = time.Minute // a server that was demoted keeps its connections
	})
	s.batch, s.near = newBatcher(s.client), newNear()
	s.rates = redis_rate.NewLimiter(s.client)
	return s
}

// Trace makes spans of what is asked from now on for a request that is traced. They
// have the names of commands, and no keys.
func (s *Store) Trace(p trace.TracerProvider) error {
	s.batch.tracer = p.Tracer("github.com/gatehouse/gatehouse/internal/cache/redisstore")
	return redisotel.InstrumentTracing(s.client, redisotel.WithTracerProvider(p), redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false))
}

// Close ends the connections.
func (s *Store) Close() error {
	s.batch.close()
	if err := s.client.Close(); !errors.Is(err, net.ErrClosed) { // as a failover may have left some
		return err
	}
	return nil
}

// Ping fails unless Redis answers.
func (s *Store) Ping(ctx context.Context) error { return s.client.Ping(ctx).Err() }

// errUnknown means that no server has been greeted yet.
var errUnknown = errors.New("no Redis has answered yet")

// prefix begins every key of the present incarnation. The first command of a store
// connects, and so learns of it.
func (s *Store) prefix(ctx context.Context) (*incarnation, error) {
	if i := s.servers.current.Load(); i != nil {
		return i, nil
	}
	if err := s.client.Exists(ctx, s.servers.tag).Err(); err != nil {
		return nil, err
	}
	if i := s.servers.current.Load(); i != nil {
		return i, nil
	}
	return nil, errUnknown
}

// keysOf are what the scripts on epochs are about: the version, and the epochs.
func keysOf(i *incarnation, reaches []access.Reach) []string {
	keys := make([]string, 1, 1+len(reaches))
	keys[0] = i.version
	for _, r := range reaches {
		keys = append(keys, i.epoch(r))
	}
	return keys
}

// Read implements cache.Store.
func (s *Store) Read(ctx context.Context, keys []cache.Key) ([]cache.View, error) {
	i, err := s.prefix(ctx)
	views := make([]cache.View, len(keys))
	if err != nil || len(keys) == 0 {
		return views, err
	}
	v := s.near.last(i)
	far := s.near.find(keys, v, views)
	values, err := s.batch.get(ctx, i.names(keys, far))
	if err == nil && len(far) < len(keys) && values[1] != v.name { // what was near is not known to hold
		far = s.near.find(keys, nil, views)
		values, err = s.batch.get(ctx, i.names(keys, far))
	}
	if err != nil {
		return nil, err
	}
	s.see(i, keys, values, far, views)
	return views, nil
}

// names are what Redis is asked for, at one moment: its state and, if any questions are
// far, all that is known of those.
func (i *incarnation) names(keys []cache.Key, far []int) []string {
	if len(far) == 0 {
		return i.state
	}
	names := make([]string, 0, len(i.state)+1+3*len(far))
	names = append(append(names, i.state...), i.everything)
	for _, n := range far {
		reaches := keys[n].Reaches()
		names = append(names, i.entry(keys[n]), i.epoch(reaches[0]), i.epoch(reaches[1]))
	}
	return names
}

// see fills in the views from what Redis said under the names.
func (s *Store) see(i *incarnation, keys []cache.Key, values []string, far []int, views []cache.View) {
	now := s.servers.now()
	leased := s.leased(i, values[0], now)
	for n := range views {
		views[n].Leased = leased
	}
	if len(far) == 0 {
		return
	}
	v, everything := s.near.hear(i, values[1]), readEpoch(values[2], now)
	for at, n := range far {
		kept := values[3+3*at:]
		views[n] = cache.View{
			Leased: leased, Entry: readEntry(kept[0]),
			Epochs: [3]cache.Epoch{readEpoch(kept[1], now), readEpoch(kept[2], now), everything},
		}
		if v != nil && views[n].Holds() {
			s.near.keep(keys[n], views[n].Entry, v)
		}
	}
}

// leased reports whether what Redis says of the lease counts. Since it was asked, a
// connection may have led to a server promoted just now, which has the lease of the one
// before it, but maybe not its last bump.
func (s *Store) leased(i *incarnation, value string, now time.Time) bool {
	return value != "" && !i.quarantined(now) && s.servers.current.Load() == i
}

// Begin implements cache.Store.
func (s *Store) Begin(ctx context.Context, reaches []access.Reach) ([]cache.Epoch, error) {
	i, err := s.prefix(ctx)
	if err != nil {
		return nil, err
	}
	values, err := begin.Run(ctx, s.client, keysOf(i, reaches), newEpoch(), epochLife.Milliseconds(), newNonce()).StringSlice()
	if err != nil {
		return nil, err
	}
	now, begun := s.servers.now(), make([]cache.Epoch, len(reaches))
	for n, v := range values {
		begun[n] = readEpoch(v, now)
	}
	return begun, nil
}

// Fill implements cache.Store.
func (s *Store) Fill(ctx context.Context, key cache.Key, e cache.Entry, life time.Duration) error {
	i, err := s.prefix(ctx)
	if err != nil {
		return err
	}
	return s.client.Set(ctx, i.entry(key), writeEntry(e), life).Err()
}

// Mark implements cache.Store.
func (s *Store) Mark(ctx context.Context, reaches []access.Reach, attempt string, life time.Duration) error {
	_, err := s.renew(ctx, mark, reaches, attempt, life)
	return err
}

// Bump implements cache.Store. A server that is new to this process may be one of
// two for a while: until the other's leases have run out, nothing is acknowledged.
func (s *Store) Bump(ctx context.Context, reaches []access.Reach, attempt string) (time.Duration, error) {
	i, err := s.renew(ctx, bump, reaches, attempt, 0)
	if err != nil {
		return 0, err
	}
	return i.settlesIn(s.servers.now()), nil
}

// Catch implements cache.Store.
func (s *Store) Catch(ctx context.Context, reaches []access.Reach, attempt string) error {
	_, err := s.renew(ctx, catch, reaches, named(attempt), 0)
	return err
}

// renew runs one of the scripts that begin epochs anew, on the server that the
// keys are of and on no other.
func (s *Store) renew(ctx context.Context, script *redis.Script, reaches []access.Reach, attempt string, life time.Duration) (*incarnation, error) {
	i, err := s.prefix(ctx)
	if err != nil {
		return nil, err
	}
	return i, script.Run(ctx, s.client, keysOf(i, reaches),
		i.id, newNonce(), pad(attempt), life.Milliseconds(), epochLife.Milliseconds()).Err()
}

// Now implements cache.Store.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	i, err := s.prefix(ctx)
	if err != nil {
		return time.Time{}, err
	}
	t, err := clock.Run(ctx, s.client, []string{i.lease}).Int64Slice()
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(t[0], t[1]*1000), nil
}

// Prove implements cache.Store.
func (s *Store) Prove(ctx context.Context, until time.Time) (bool, error) {
	i, err := s.prefix(ctx)
	if err != nil {
		return false, err
	}
	n, err := prove.Run(ctx, s.client, []string{i.lease, i.position}, i.id, until.UnixMilli()).Int()
	return n == 1, err
}

// Position implements cache.Store.
func (s *Store) Position(ctx context.Context) (access.Token, error) {
	i, err := s.prefix(ctx)
	if err != nil {
		return "", err
	}
	at, err := s.client.Get(ctx, i.position).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return access.Token(at), err
}

// SetPosition implements cache.Store.
func (s *Store) SetPosition(ctx context.Context, at access.Token) error {
	i, err := s.prefix(ctx)
	if err != nil {
		return err
	}
	return place.Run(ctx, s.client, []string{i.position}, i.id, string(at)).Err()
}

// Claim lets no embedded server but this one keep its cache in this Redis: each has
// a datastore of its own, so sharing is a mistake. The claim lasts for a time and is
// to be made again before.
// Errors: another server's claim, Redis's.
func (s *Store) Claim(ctx context.Context, datastore string, life time.Duration) error {
	const key = "gatehouse:embedded"
	owner, err := claim.Run(ctx, s.client, []string{key}, datastore, life.Milliseconds()).Text()
	if err == nil && owner != datastore {
		return fmt.Errorf("%w: it has datastore %s, this one %s", ErrClaimed, owner, datastore)
	}
	return err
}

// ErrClaimed means that another embedded server uses the Redis.
var ErrClaimed = errors.New("another server with an embedded SpiceDB keeps its cache in this Redis")
