package redisstore

import (
	"crypto/tls"

	"github.com/redis/go-redis/v9"

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
		return redis.NewFailoverClient(o.Failover())
	}
	return redis.NewClient(o.Simple())
}
