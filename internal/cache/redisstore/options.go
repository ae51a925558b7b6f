package redisstore

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Options say how to reach a Redis.
type Options struct {
	redis.UniversalOptions
	cluster bool
}

// Parse reads a URL: redis://[user:password@]host:port/db, rediss:// for TLS,
// redis+sentinel://[user:password@]host:port,host:port/master, or
// redis+cluster://[user:password@]host:port,host:port; with TLS, rediss+….
// Errors: what is wrong with it, without its password.
func Parse(text string) (Options, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	transport, topology, _ := strings.Cut(scheme, "+")
	if !ok || transport != "redis" && transport != "rediss" {
		return Options{}, fmt.Errorf("it must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	switch topology {
	case "":
		one, err := redis.ParseURL(text)
		if err != nil {
			return Options{}, fmt.Errorf("it is no redis:// URL")
		}
		return Options{UniversalOptions: redis.UniversalOptions{
			Addrs: []string{one.Addr}, DB: one.DB, Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig,
		}}, nil
	case "sentinel", "cluster":
	default:
		return Options{}, fmt.Errorf("there is no topology %q: use sentinel or cluster", topology)
	}
	credentials, hosts, ok := strings.Cut(rest, "@")
	if !ok {
		credentials, hosts = "", rest
	}
	hosts, path, _ := strings.Cut(hosts, "/")
	// The credentials and TLS are read as of a single server.
	one, err := redis.ParseURL(transport + "://" + strings.TrimPrefix(credentials+"@", "@") + strings.Split(hosts, ",")[0])
	if err != nil {
		return Options{}, fmt.Errorf("it is no %s:// URL", scheme)
	}
	o := Options{UniversalOptions: redis.UniversalOptions{
		Addrs: strings.Split(hosts, ","), Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig,
	}, cluster: topology == "cluster"}
	for _, addr := range o.Addrs {
		if u, err := url.Parse("redis://" + addr); err != nil || u.Port() == "" || u.Hostname() == "" {
			return Options{}, fmt.Errorf("%q must be host:port", addr)
		}
	}
	if topology == "sentinel" {
		if path == "" {
			return Options{}, fmt.Errorf("it must name the master: redis+sentinel://host:port/NAME")
		}
		o.MasterName = path
	}
	return o, nil
}

// moves reports whether another server may take over.
func (o Options) moves() bool { return o.cluster || o.MasterName != "" }

func (o Options) open() redis.UniversalClient {
	switch {
	case o.cluster:
		return redis.NewClusterClient(o.Cluster())
	case o.MasterName != "":
		return redis.NewFailoverClient(o.Failover())
	}
	return redis.NewClient(o.Simple())
}
