package config_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

// FuzzParseRedis: what is accepted can be dialled, and what is not is not repeated.
func FuzzParseRedis(f *testing.F) {
	for _, text := range []string{
		"redis://localhost", "redis://[::1]:7000/3", "rediss://ann:p%40ss@redis.example", "redis+sentinel://:s@a:1,b/primary/4?tls=true", "redis+cluster://a,b:2",
		"redis://a:0", "redis://@@", "redis://%zz@a", "redis://:x@[", "redis+sentinel:///", "redis://a/9999999999999999999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := config.ParseRedis(text)
		if err != nil {
			assert.Zero(t, r)
			if _, secret, _ := strings.Cut(text, "://"); len(secret) > 12 { // shorter ones may stand in what we say ourselves
				assert.NotContains(t, err.Error(), secret)
			}
			return
		}
		require.NotEmpty(t, r.Addrs)
		for _, addr := range r.Addrs {
			host, port, err := net.SplitHostPort(addr)
			assert.NoError(t, err)
			assert.NotEmpty(t, host)
			assert.NotEqual(t, "0", port)
		}
		assert.GreaterOrEqual(t, r.DB, 0)
	})
}

// FuzzLoad: whatever a configuration file says, it is a configuration without faults,
// or it is refused.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"dev: true\nhttp-addr: 127.0.0.1:1\n", "oidc-issuers:\n- issuer: https://a.example\n  audience: b\n", "trusted-proxies: [10.0.0.0/8, '::1']\ndev: yes",
		"limit-questions: -1\ndev: true", "dev: &a [*a]", "operators: {a: b}", "shutdown-timeout: 99999999999999h\n", "redis-url: 7\ndev: true", "public-url: 'https://a/?b'\ndev: true", "\x00", "? : :",
		"smtp-addr: a:b\nsmtp-tls: x\ndev: true", "max-work: 1e3\ndev: true",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "gatehouse.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Flags(flags)
		c, err := config.Load(flags, path)
		if err != nil {
			return
		}
		assert.True(t, c.Dev || len(c.OIDC.Issuers) > 0, "nobody could sign in: %q", text)
		assert.Len(t, c.Limits.Proxies(), len(c.Limits.TrustedProxies), "%q", text)
	})
}
