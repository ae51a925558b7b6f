package config_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

func TestLimitsAreSetInEveryWay(t *testing.T) {
	c, err := load(t, "", "--dev")
	require.NoError(t, err)
	assert.Equal(t, 20, c.Limits.Mailbox, "a server limits what it is not told to")
	assert.Empty(t, c.Limits.Proxies(), "and trusts no proxy")

	t.Setenv("GATEHOUSE_LIMIT_REQUESTS", "7")
	t.Setenv("GATEHOUSE_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.7")
	c, err = load(t, "max-work: 8\nlimit-mailbox: 0\n", "--dev", "--limit-failures", "9")
	require.NoError(t, err)
	want := config.DefaultLimits
	want.Requests, want.MaxWork, want.Mailbox, want.Failures = 7, 8, 0, 9
	want.TrustedProxies = c.Limits.TrustedProxies
	assert.Equal(t, want, c.Limits)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}, c.Limits.Proxies())
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ flag, value string }{
		{"limit-questions", "-1"},
		{"limit-requests", "1000001"},
		{"limit-failures", "-1"},
		{"limit-invitations", "-1"},
		{"limit-mailbox", "-1"},
		{"max-questions", "-1"},
		{"max-work", "-1"},
		{"max-connections", "-1"},
		{"trusted-proxies", "10.0.0.0/33"},
		{"trusted-proxies", "proxy.example"},
	} {
		_, err := load(t, "", "--dev", "--"+c.flag+"="+c.value)
		require.ErrorContains(t, err, c.flag, c.value)
	}
	_, err := load(t, "max-work: many\n", "--dev")
	require.Error(t, err)
}
