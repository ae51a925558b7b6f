package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse/gatehouse/internal/config"
)

// Server is one Redis, as it describes itself.
type Server struct{ client *redis.Client }

// Visit looks at the server that the cache is kept on or, of a cluster, at each that
// may be. A cluster looks at several at a time. Errors: Redis's, those of look.
func Visit(ctx context.Context, r config.Redis, look func(context.Context, Server) error) error {
	client := dial(r, func(o *redis.UniversalOptions) {
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = time.Second, time.Second, time.Second
		o.MaxRetries = -1
		o.ContextTimeoutEnabled = true
	})
	defer func() { _ = client.Close() }() // nothing was written
	cluster, is := client.(*redis.ClusterClient)
	if !is {
		return look(ctx, Server{client.(*redis.Client)})
	}
	state, err := cluster.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	if said := field(state, "cluster_state"); said != "ok" {
		return fmt.Errorf("%w: its state is %q", ErrDown, said)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return look(ctx, Server{node}) })
}

// ErrDown means that a cluster says of itself that it is.
var ErrDown = errors.New("the cluster does not answer for all keys")

// Masters are the addresses at which the Sentinels say the server is that takes
// writes, by the Sentinel. Errors: Redis's, of the first that does not answer.
func Masters(ctx context.Context, r config.Redis) (map[string]string, error) {
	masters := map[string]string{}
	for _, sentinel := range r.Addrs {
		alone := config.Redis{Addrs: []string{sentinel}, TLS: r.TLS}
		client := dial(alone, func(o *redis.UniversalOptions) { o.DialTimeout, o.MaxRetries = time.Second, -1 })
		said, err := client.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", r.Master).StringSlice()
		_ = client.Close() // it was only asked
		if errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("the Sentinel %s knows no master %q", sentinel, r.Master)
		}
		if err != nil || len(said) != 2 {
			return nil, fmt.Errorf("the Sentinel %s: %w", sentinel, err)
		}
		masters[sentinel] = said[0] + ":" + said[1]
	}
	return masters, nil
}

// Address is where it is.
func (s Server) Address() string { return s.client.Options().Addr }

// Now is the time by its clock.
func (s Server) Now(ctx context.Context) (time.Time, error) { return s.client.Time(ctx).Result() }

// Info is a function that finds fields of what it says of a section, such as replication.
func (s Server) Info(ctx context.Context, section string) (func(name string) string, error) {
	said, err := s.client.Info(ctx, section).Result()
	return func(name string) string { return field(said, name) }, err
}

// Setting is one of its settings. It is not known where CONFIG is forbidden, as by
// many who run Redis for others.
func (s Server) Setting(ctx context.Context, name string) (value string, known bool) {
	settings, err := s.client.ConfigGet(ctx, name).Result()
	value, found := settings[name]
	return value, err == nil && found
}
