package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

func TestIssuersAreNamedInEveryWay(t *testing.T) {
	quiet := "--grpc-addr="
	want := []config.OIDCIssuer{
		{Issuer: "https://login.example/realms/main", Audience: "gatehouse"},
		{Issuer: "https://login.example/realms/main", Audience: "console"},
		{Issuer: "https://partner.example/", Audience: "urn:gatehouse=api"},
	}
	t.Run("by flags", func(t *testing.T) {
		c, err := load(t, "", quiet, "--oidc-issuers", "https://login.example/realms/main=gatehouse,https://login.example/realms/main=console",
			"--oidc-issuers", "https://partner.example/=urn:gatehouse=api")
		require.NoError(t, err)
		assert.Equal(t, want, c.OIDC.Issuers)
	})
	t.Run("by file", func(t *testing.T) {
		c, err := load(t, `
oidc-issuers:
  - {issuer: https://login.example/realms/main, audience: gatehouse}
  - https://login.example/realms/main=console
  - issuer: https://partner.example/
    audience: urn:gatehouse=api
`, quiet)
		require.NoError(t, err)
		assert.Equal(t, want, c.OIDC.Issuers)
	})
	t.Run("by variable", func(t *testing.T) {
		t.Setenv("GATEHOUSE_OIDC_ISSUERS", "https://login.example/realms/main=gatehouse, https://login.example/realms/main=console https://partner.example/=urn:gatehouse=api")
		c, err := load(t, "", quiet)
		require.NoError(t, err)
		assert.Equal(t, want, c.OIDC.Issuers)
	})
}

// TestIssuersNobodyShouldTrust keep the server from starting.
func TestIssuersNobodyShouldTrust(t *testing.T) {
	for _, c := range []struct {
		says  string
		flags []string
	}{
		{"nobody could sign in", nil},
		{"needs an audience", []string{"--oidc-issuers", "https://login.example"}},
		{"needs an audience", []string{"--oidc-issuers", "https://login.example="}},
		{"must be an https URL", []string{"--oidc-issuers", "login.example=gatehouse"}},
		{"must be an https URL", []string{"--oidc-issuers", "ftp://login.example=gatehouse"}},
		{"must be an https URL", []string{"--oidc-issuers", "https://login.example?a=gatehouse"}},
		{"must be an https URL", []string{"--oidc-issuers", "https://ann:secret@login.example=gatehouse"}},
		{"must be https", []string{"--oidc-issuers", "http://login.example=gatehouse"}},
		{"must be https", []string{"--oidc-issuers", "http://login.example=gatehouse", "--dev"}},
		{"must be https", []string{"--oidc-issuers", "http://127.0.0.1:9998=gatehouse"}},
		{"oidc-ca-file needs oidc-issuers", []string{"--oidc-ca-file", "ca.pem", "--dev"}},
	} {
		_, err := load(t, "", append(c.flags, "--grpc-addr=")...)
		require.ErrorContains(t, err, c.says, "%q", c.flags)
	}
	_, err := load(t, "oidc-issuers: [{issuer: https://login.example, audiance: gatehouse}]", "--grpc-addr=")
	require.ErrorContains(t, err, "needs an audience")

	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		_, err := load(t, "", "--dev", "--oidc-issuers", "http://"+host+":9998=gatehouse")
		require.NoError(t, err, "a provider on this machine, to try things out with")
	}
}
