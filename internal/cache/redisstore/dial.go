package redisstore

import (
	"crypto/tls"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/config"
)

// dial makes a client, which connects when it is first used.
func dial(r config.Redis, greet func(*redis.UniversalOptions)) redis.UniversalClient {
	o := &redis.UniversalOptions{Addrs: r.Addrs, DB: r.DB, Username: r.User, Password: r.Password, MasterName: r.Master}
	o.Protocol = 2 // Redis pushes nothing to us, so no connection need look for it
	if r.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	greet(o)
	switch {
	case r.Cluster:
		return redis.NewClusterClient(o.Cluster())
	case r.Master != "":
		// A connection that is being made while Sentinel promotes another server may lead to
		// the one before, which Sentinel leaves in its place for eight seconds.
		o.ConnMaxLifetime = min(o.ConnMaxLifetime, cache.W)
		return redis.NewFailoverClient(o.Failover())
	}
	return redis.NewClient(o.Simple())
}
