package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certify makes a certificate of this machine, valid for a time from yesterday on, and its key.
func certify(t *testing.T, life time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	begin := time.Now().Add(-24 * time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gatehouse"}, NotBefore: begin, NotAfter: begin.Add(life), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "gatehouse"}}, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	lasting, key := certify(t, 365*day)
	ending, endingKey := certify(t, 20*day)
	ended, endedKey := certify(t, day/2)
	shown := func(cert, key string, more ...string) []string {
		return found(examine(t, append([]string{"--tls-cert-file", cert, "--tls-key-file", key}, more...)...))
	}
	const part = " certificates"
	assert.Empty(t, shown(lasting, key, "--public-url", "https://127.0.0.1:8080"))
	assert.Equal(t, []string{"warning certificate_ends" + part}, shown(ending, endingKey))
	assert.Equal(t, []string{"problem certificate_expired" + part}, shown(ended, endedKey))
	assert.Equal(t, []string{"problem certificate_unusable" + part}, shown(lasting, endedKey))
	assert.Equal(t, []string{"problem certificate_of_another_name" + part}, shown(lasting, key, "--public-url", "https://127.0.0.2"))
	early := func() time.Time { return time.Now().Add(-2 * day) }
	assert.Equal(t, []string{"problem certificate_not_yet_valid" + part}, found(examineAt(t, early, "--tls-cert-file", lasting, "--tls-key-file", key)))

	require.NoError(t, os.Chmod(key, 0o644))
	assert.Equal(t, []string{"problem readable_by_all files"}, shown(lasting, key))
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	ending, key := certify(t, 20*24*time.Hour)
	trusting := func(file string) []string {
		return of("certificates", found(examine(t, "--oidc-issuers", "https://127.0.0.1:1=a", "--oidc-ca-file", file)))
	}
	assert.Equal(t, []string{"warning certificate_ends certificates"}, trusting(ending))
	assert.Equal(t, []string{"problem certificate_unusable certificates"}, trusting(key))
	assert.Equal(t, []string{"problem certificate_unusable certificates"}, trusting(filepath.Join(t.TempDir(), "missing.pem")))
}
