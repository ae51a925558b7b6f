package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/gatehouse/gatehouse/client"
)

// authority makes certificates for servers on this machine.
type authority struct {
	dir     string
	key     *ecdsa.PrivateKey
	shown   *x509.Certificate
	serials atomic.Int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{dir: t.TempDir(), key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	a.shown, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.write(t, "authority.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// write replaces a file as careful programs do, so that nobody sees half of it.
func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(a.path("next"), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	require.NoError(t, os.Rename(a.path("next"), a.path(name)))
}

// certify makes another certificate, and two ways to put it, and its key, in place.
func (a *authority) certify(t *testing.T) (serial int64, putCert, putKey func()) {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial = 1000 + a.serials.Add(1)
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gatehouse"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.shown, key.Public(), a.key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return serial, func() { a.write(t, "cert.pem", "CERTIFICATE", cert) }, func() { a.write(t, "key.pem", "PRIVATE KEY", der) }
}

// renew puts another certificate in place and returns its serial number.
func (a *authority) renew(t *testing.T) int64 {
	t.Helper()

	serial, putCert, putKey := a.certify(t)
	putCert()
	putKey()
	return serial
}

// trusting is how clients speak who trust the authority.
func (a *authority) trusting() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.shown)
	return &tls.Config{RootCAs: pool}
}

// showing is how servers speak that are not ours, with the certificate in place.
func (a *authority) showing(t *testing.T) *tls.Config {
	t.Helper()

	pair, err := tls.LoadX509KeyPair(a.path("cert.pem"), a.path("key.pem"))
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// serial is the number of the certificate that a new connection to an address is shown.
func (a *authority) serial(t *testing.T, address string) int64 {
	t.Helper()

	config := a.trusting()
	config.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", address, config)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// startTLS runs a server with a certificate of the authority.
func (a *authority) startTLS(t *testing.T, flags ...string) *server {
	t.Helper()

	a.renew(t)
	s := start(t, append(flags, "--tls-cert-file", a.path("cert.pem"), "--tls-key-file", a.path("key.pem"))...)
	s.client.Transport = &http.Transport{TLSClientConfig: a.trusting(), ForceAttemptHTTP2: true}
	require.NoError(t, s.conn.Close())
	var err error
	s.conn, err = grpc.NewClient(s.grpc, grpc.WithTransportCredentials(credentials.NewTLS(a.trusting())), grpc.WithPerRPCCredentials(preshared(s.key)))
	require.NoError(t, err)
	return s
}

// TestBothAPIsAreServedOverTLS, to the client and to zed too.
func TestBothAPIsAreServedOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.startTLS(t)
	require.True(t, strings.HasPrefix(s.url, "https://"), s.url)
	host := strings.TrimPrefix(s.url, "https://")
	w := build(t, s, "tls")
	olga := s.operator(t)
	id := s.as(t, w.email("admin")).get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
	assert.NotEmpty(t, s.relationships(t))
	assert.Equal(t, s.url, page(t, s, "/.well-known/authzen-configuration").text(t, "policy_decision_point"))
	olga.post(t, w.path("project")+"/invitations", object{"email": "ann@tls.example"}).want(t, http.StatusCreated)
	link, _ := s.letter(t, "ann@tls.example").link(t)
	assert.True(t, strings.HasPrefix(link, s.url), link)

	t.Run("the client", func(t *testing.T) {
		asks, err := client.New(client.Config{URL: s.url, Token: client.StaticToken(olga.token), Transport: &http.Transport{TLSClientConfig: a.trusting()}})
		require.NoError(t, err)
		defer asks.Close()
		decision, err := asks.Check(t.Context(), client.Check{Resource: client.Object{Type: "project", ID: w.id("project")}, Permission: "view", Subject: client.User(id)})
		require.NoError(t, err)
		assert.True(t, decision.Allowed)

		strange, err := client.New(client.Config{URL: s.url, Token: client.StaticToken(olga.token), Attempts: 1})
		require.NoError(t, err)
		_, err = strange.Check(t.Context(), client.Check{Resource: client.Object{Type: "project", ID: w.id("project")}, Permission: "view", Subject: client.User(id)})
		require.ErrorIs(t, err, client.ErrUnavailable, "who does not trust the authority gets no answer")
	})
	t.Run("zed", func(t *testing.T) {
		printed, err := say(t.Context(), "", zed, "permission", "check", "project:"+w.id("project"), "view", "user:"+id, "--consistency-full",
			"--endpoint", s.grpc, "--token", s.key, "--skip-version-check", "--certificate-path", a.path("authority.pem"))
		require.NoError(t, err)
		assert.Equal(t, "true", strings.TrimSpace(printed))
	})
	t.Run("old versions", func(t *testing.T) {
		for _, address := range []string{host, s.grpc} {
			config := a.trusting()
			config.MinVersion, config.MaxVersion, config.NextProtos = tls.VersionTLS10, tls.VersionTLS11, []string{"h2"}
			_, err := tls.Dial("tcp", address, config)
			require.ErrorContains(t, err, "protocol version", address)
			config.MaxVersion = tls.VersionTLS12
			conn, err := tls.Dial("tcp", address, config)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
	})
	t.Run("without", func(t *testing.T) {
		got, err := s.client.Get("http://" + host + "/healthz")
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		assert.Equal(t, http.StatusBadRequest, got.StatusCode)
	})
}

// TestBrowsersAreToldToComeOverTLS, except where it would be in the way of whoever
// tries things out on localhost.
func TestBrowsersAreToldToComeOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.renew(t)
	s, err := serve(filepath.Join(t.TempDir(), "data"), "--grpc-addr", "", "--oidc-issuers", "https://login.invalid=gatehouse",
		"--tls-cert-file", a.path("cert.pem"), "--tls-key-file", a.path("key.pem"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop()) }()
	s.client.Transport = &http.Transport{TLSClientConfig: a.trusting()}
	for _, path := range []string{"/v1/me", "/healthz", "/docs", "/invitations/accept", "/nowhere"} {
		assert.Equal(t, "max-age=31536000", page(t, s, path).header.Get("Strict-Transport-Security"), path)
	}
	assert.Empty(t, page(t, a.startTLS(t), "/healthz").header.Get("Strict-Transport-Security"), "in dev mode")
	assert.Empty(t, page(t, shared, "/healthz").header.Get("Strict-Transport-Security"), "without TLS")
}

// TestCertificatesAreRenewed while the server runs: whoever is connected stays so,
// nobody is turned away, and a pair of which one half is not there yet is not shown.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.startTLS(t)
	host := strings.TrimPrefix(s.url, "https://")
	shown := a.serial(t, host)

	ask := func(on *http.Client) (reused bool, err error) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/healthz", nil)
		require.NoError(t, err)
		got, err := on.Do(request)
		if err == nil {
			err = got.Body.Close()
		}
		return reused, err
	}
	stays := &http.Client{Transport: &http.Transport{TLSClientConfig: a.trusting(), ForceAttemptHTTP2: true}}
	_, err := ask(stays)
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	turnedAway := make(chan error, 1)
	go func() {
		comes := &http.Client{Transport: &http.Transport{TLSClientConfig: a.trusting(), DisableKeepAlives: true}}
		defer close(turnedAway)
		for ctx.Err() == nil {
			if _, err := ask(comes); err != nil {
				turnedAway <- err
				return
			}
		}
	}()

	next, putCert, putKey := a.certify(t)
	putCert()
	await(t, "the server to see that the key is missing", func() bool {
		return strings.Contains(s.stderr.String(), "the certificate cannot be read, the one before is kept")
	})
	assert.Equal(t, shown, a.serial(t, host))
	putKey()
	await(t, "the HTTP API to show the certificate", func() bool { return a.serial(t, host) == next })
	await(t, "the gRPC API to show the certificate", func() bool { return a.serial(t, s.grpc) == next })
	s.relationships(t) // over a connection that may have been there

	require.NoError(t, os.Remove(a.path("key.pem")))
	await(t, "the server to see that the key is gone", func() bool {
		return strings.Count(s.stderr.String(), "the one before is kept") == 2
	})
	assert.Equal(t, next, a.serial(t, host))
	last := a.renew(t)
	await(t, "the HTTP API to show the last certificate", func() bool { return a.serial(t, host) == last })
	await(t, "the gRPC API to show the last certificate", func() bool { return a.serial(t, s.grpc) == last })

	stop()
	require.NoError(t, <-turnedAway)
	reused, err := ask(stays)
	require.NoError(t, err)
	assert.True(t, reused, "the connection lasted")
}

// TestBadCertificatesKeepTheServerFromStarting, and it says why in one line.
func TestBadCertificatesKeepTheServerFromStarting(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.renew(t)
	require.NoError(t, os.Rename(a.path("key.pem"), a.path("other.pem")))
	a.renew(t)
	require.NoError(t, os.WriteFile(a.path("none.pem"), []byte("surprise"), 0o600))
	cert, key := a.path("cert.pem"), a.path("key.pem")

	for name, c := range map[string]struct {
		flags []string
		says  []string
	}{
		"no key":              {[]string{"--tls-cert-file", cert}, []string{"tls-cert-file and tls-key-file go together"}},
		"no certificate":      {[]string{"--tls-key-file", key}, []string{"tls-cert-file and tls-key-file go together"}},
		"another's key":       {[]string{"--tls-cert-file", cert, "--tls-key-file", a.path("other.pem")}, []string{"tls-cert-file", "tls-key-file", "does not match"}},
		"nothing there":       {[]string{"--tls-cert-file", cert, "--tls-key-file", a.path("missing.pem")}, []string{"missing.pem: no such file"}},
		"nothing in it":       {[]string{"--tls-cert-file", a.path("none.pem"), "--tls-key-file", key}, []string{"tls-cert-file must hold a certificate", "PEM"}},
		"mixed up":            {[]string{"--tls-cert-file", key, "--tls-key-file", cert}, []string{"tls-cert-file must hold a certificate"}},
		"links without TLS":   {[]string{"--tls-cert-file", cert, "--tls-key-file", key, "--public-url", "http://gatehouse.example"}, []string{"public-url must be https"}},
		"a folder for a file": {[]string{"--tls-cert-file", a.dir, "--tls-key-file", key}, []string{"is a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inOneLine(t, refuses(t, t.TempDir(), nil, append([]string{"--dev", "--http-addr", "127.0.0.1:0", "--grpc-addr", ""}, c.flags...)...), c.says...)
		})
	}
}
