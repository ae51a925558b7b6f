package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse/gatehouse/internal/config"
)

// Server is one Redis, as it describes itself.
type Server struct {
	client *redis.Client
	name   string
}

// Visit looks at the server that the cache is kept on or, of a cluster, at each that
// may be. A cluster looks at several at a time. Errors: Redis's, those of look.
func Visit(ctx context.Context, r config.Redis, look func(context.Context, Server) error) error {
	client := dial(r, briefly)
	defer func() { _ = client.Close() }() // nothing was written
	cluster, is := client.(*redis.ClusterClient)
	if !is {
		one := client.(*redis.Client)
		return look(ctx, Server{one, cmp.Or(r.Master, one.Options().Addr)})
	}
	state, err := cluster.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	if said := field(state, "cluster_state"); said != "ok" {
		return fmt.Errorf("%w: its state is %q", ErrDown, said)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return look(ctx, Server{node, node.Options().Addr})
	})
}

func briefly(o *redis.UniversalOptions) {
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = time.Second, time.Second, time.Second
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
}

// VisitReplicas looks at those that may take the place of a server. Errors: Redis's, those of look.
func VisitReplicas(ctx context.Context, r config.Redis, s Server, look func(context.Context, Server) error) error {
	replication, err := s.Info(ctx, "replication")
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		said := replication(fmt.Sprintf("slave%d", n))
		if said == "" {
			return nil
		}
		var host, port string
		for part := range strings.SplitSeq(said, ",") {
			switch name, value, _ := strings.Cut(part, "="); name {
			case "ip":
				host = value
			case "port":
				port = value
			}
		}
		at := net.JoinHostPort(host, port)
		client := dial(config.Redis{Addrs: []string{at}, User: r.User, Password: r.Password, TLS: r.TLS}, briefly).(*redis.Client)
		err := look(ctx, Server{client, at})
		_ = client.Close() // nothing was written
		if err != nil {
			return fmt.Errorf("replica %s: %w", at, err)
		}
	}
}

// ErrDown means that a cluster says of itself that it is.
var ErrDown = errors.New("the cluster does not answer for all keys")

// Masters are the addresses at which the Sentinels say the server is that takes
// writes, by the Sentinel. Errors: of those that do not say so.
func Masters(ctx context.Context, r config.Redis) (map[string]string, error) {
	masters := map[string]string{}
	var silent []error
	for _, sentinel := range r.Addrs {
		alone := config.Redis{Addrs: []string{sentinel}, TLS: r.TLS}
		client := dial(alone, func(o *redis.UniversalOptions) { o.DialTimeout, o.MaxRetries = time.Second, -1 })
		said, err := client.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", r.Master).StringSlice()
		_ = client.Close() // it was only asked
		switch {
		case errors.Is(err, redis.Nil):
			silent = append(silent, fmt.Errorf("the Sentinel %s knows no master %q", sentinel, r.Master))
		case err != nil:
			silent = append(silent, fmt.Errorf("the Sentinel %s: %w", sentinel, err))
		default:
			masters[sentinel] = strings.Join(said, ":")
		}
	}
	return masters, errors.Join(silent...)
}

// Address is where it is; of one that Sentinels watch, the name they know it by.
func (s Server) Address() string { return s.name }

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
