package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

func TestRedisIsNamedInFourWays(t *testing.T) {
	for text, want := range map[string]config.Redis{
		"redis://localhost":              {Addrs: []string{"localhost:6379"}},
		"redis://10.0.0.1:7000/3":        {Addrs: []string{"10.0.0.1:7000"}, DB: 3},
		"redis://[::1]:7000/":            {Addrs: []string{"[::1]:7000"}},
		"redis://:p%40ss@localhost:6379": {Addrs: []string{"localhost:6379"}, Password: "p@ss"},
		"rediss://ann:p:w@redis.example": {Addrs: []string{"redis.example:6379"}, User: "ann", Password: "p:w", TLS: true},
		"redis+sentinel://a:1,b/primary": {Addrs: []string{"a:1", "b:26379"}, Master: "primary"},
		"redis+sentinel://:secret@a:1,b:2/primary/4?tls=true": {
			Addrs: []string{"a:1", "b:2"}, Password: "secret", Master: "primary", DB: 4, TLS: true,
		},
		"redis+cluster://a:1,b:2,c":     {Addrs: []string{"a:1", "b:2", "c:6379"}, Cluster: true},
		"redis+cluster://a:1/?tls=true": {Addrs: []string{"a:1"}, Cluster: true, TLS: true},
	} {
		r, err := config.ParseRedis(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, r, text)

		c, err := load(t, "", "--dev", "--redis-url", text)
		require.NoError(t, err)
		assert.Equal(t, text, c.RedisURL)
	}
}

func TestNoRedisIsThere(t *testing.T) {
	for _, text := range []string{
		"localhost:6379", "http://localhost", "redis://", "redis://:secret@", "redis://a:secret", "redis://a:0", "redis://a:70000", "redis://a,b",
		"redis://a/secret", "redis://a/-1", "redis://a?secret=yes", "redis://s%zzecret:@a", "redis+sentinel://a:1", "redis+sentinel://a:1/primary/secret",
		"redis+cluster://a:1/1", "redis+cluster://a:1,,b:1", "redis+cluster://a?tls=secret",
	} {
		_, err := load(t, "", "--dev", "--redis-url", text)
		require.ErrorContains(t, err, "redis-url must be", text)
		assert.NotContains(t, err.Error(), "secret")
	}
}
