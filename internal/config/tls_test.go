package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificateAndKeyGoTogether(t *testing.T) {
	for _, flags := range [][]string{{"--tls-cert-file", "cert.pem"}, {"--tls-key-file", "key.pem"}} {
		_, err := load(t, "", append(flags, "--dev")...)
		require.ErrorContains(t, err, "tls-cert-file and tls-key-file go together", "%q", flags)
	}
	c, err := load(t, "tls-cert-file: cert.pem\ntls-key-file: key.pem\npublic-url: https://gatehouse.example\n", "--dev")
	require.NoError(t, err)
	assert.True(t, c.TLS.On())
	_, err = load(t, "", "--dev", "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--public-url", "http://gatehouse.example")
	require.ErrorContains(t, err, "public-url must be https")
}
