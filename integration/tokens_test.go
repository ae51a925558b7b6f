package integration

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestForgedTokensAreRefused takes a good token apart and spoils it in every way
// there is. None lets anybody in, and none makes anybody an operator.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	key := devKey(t, s)
	_, another, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	good := s.mint(t, "--email", "mallory@forgers.example")
	caller{s, good}.get(t, "/v1/me").want(t, http.StatusOK)
	caller{s, sign(t, key, claims(nil))}.get(t, "/v1/me").want(t, http.StatusOK)
	before := s.relationships(t)

	operator := claims(jwt.MapClaims{"operator": true})
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"signed by another key":   sign(t, another, operator),
		"not signed":              signWith(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, operator),
		"of algorithm None":       unsigned(`{"alg":"None","typ":"JWT"}`, operator, t),
		"of no algorithm":         unsigned(`{"typ":"JWT"}`, operator, t),
		"keyed with the key":      signWith(t, jwt.SigningMethodHS256, []byte(key.Public().(ed25519.PublicKey)), operator),
		"keyed with its encoding": signWith(t, jwt.SigningMethodHS256, publicPEM(t, key), operator),
		"expired":                 sign(t, key, claims(jwt.MapClaims{"operator": true, "exp": time.Now().Add(-time.Second).Unix()})),
		"without an end":          sign(t, key, claims(jwt.MapClaims{"operator": true, "exp": nil})),
		"ending in words":         sign(t, key, claims(jwt.MapClaims{"operator": true, "exp": "tomorrow"})),
		"not valid yet":           sign(t, key, claims(jwt.MapClaims{"operator": true, "nbf": time.Now().Add(time.Hour).Unix()})),
		"issued tomorrow":         sign(t, key, claims(jwt.MapClaims{"operator": true, "iat": time.Now().Add(24 * time.Hour).Unix()})),
		"of another issuer":       sign(t, key, claims(jwt.MapClaims{"operator": true, "iss": "https://accounts.example"})),
		"of no issuer":            sign(t, key, claims(jwt.MapClaims{"operator": true, "iss": nil})),
		"for another audience":    sign(t, key, claims(jwt.MapClaims{"operator": true, "aud": "another"})),
		"for no audience":         sign(t, key, claims(jwt.MapClaims{"operator": true, "aud": nil})),
		"for no e-mail":           sign(t, key, claims(jwt.MapClaims{"operator": true, "email": nil})),
		"for a list of e-mails":   sign(t, key, claims(jwt.MapClaims{"operator": true, "email": []string{"mallory@forgers.example"}})),
		"for a hostile e-mail":    sign(t, key, claims(jwt.MapClaims{"operator": true, "email": "mallory@forgers.example\r\nBcc: eve@evil.example"})),
		"for a look-alike":        sign(t, key, claims(jwt.MapClaims{"operator": true, "email": "mаllory@forgers.example"})),
		"for no subject":          sign(t, key, claims(jwt.MapClaims{"operator": true, "sub": nil})),
		"with another payload":    parts[0] + "." + payload(t, operator) + "." + parts[2],
		"without its signature":   parts[0] + "." + parts[1] + ".",
		"in two parts":            parts[0] + "." + parts[1],
		"in four parts":           good + "." + parts[2],
		"with a padded signature": good + "==",
		"cut short":               good[:len(good)-2],
		"garbage":                 "garbage",
		"dots":                    "..",
		"twice":                   good + " " + good,
		"of other bytes":          "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			got := caller{s, token}.post(t, "/v1/partners", object{"name": "A"}).want(t, http.StatusUnauthorized)
			assert.Equal(t, `Bearer realm="gatehouse"`, got.header.Get("WWW-Authenticate"))
			assert.NotContains(t, string(got.body), "forgers", "a refusal repeats nothing of a token")
		})
	}
	for name, header := range map[string]string{
		"none":                 "",
		"no token":             "Bearer",
		"blank token":          "Bearer  ",
		"no scheme":            good,
		"another scheme":       "Basic " + good,
		"a password":           "Basic b2xnYTpzZWNyZXQ=",
		"in another's clothes": "Bearer: " + good,
	} {
		t.Run("header: "+name, func(t *testing.T) {
			s.nobody().do(t, http.MethodGet, "/v1/me", nil, "Authorization", header).
				want(t, http.StatusUnauthorized).code(t, "unauthenticated")
		})
	}
	t.Run("query", func(t *testing.T) {
		s.nobody().get(t, "/v1/me?access_token="+good).want(t, http.StatusUnauthorized)
	})
	assert.Equal(t, before, s.relationships(t))
}

// TestExpiredTokensSaySo lets a client know that signing in again helps.
func TestExpiredTokensSaySo(t *testing.T) {
	t.Parallel()

	expired := sign(t, devKey(t, shared), claims(jwt.MapClaims{"exp": time.Now().Add(-time.Second).Unix()}))
	caller{shared, expired}.get(t, "/v1/me").want(t, http.StatusUnauthorized).code(t, "token_expired")
}

// TestUnverifiedEmailsDoNotSignIn keeps those out who may only say who they are.
func TestUnverifiedEmailsDoNotSignIn(t *testing.T) {
	t.Parallel()

	boast := sign(t, devKey(t, shared), claims(jwt.MapClaims{"email": "boaster@forgers.example", "sub": "boaster", "email_verified": false}))
	caller{shared, boast}.get(t, "/v1/me").want(t, http.StatusForbidden).code(t, "email_unverified")
}

// TestOversizedHeadersAreRefused does so before anything of the request is looked at.
func TestOversizedHeadersAreRefused(t *testing.T) {
	t.Parallel()

	request, _, err := caller{shared, strings.Repeat("A", 100_000)}.request(http.MethodGet, "/v1/me", nil)
	require.NoError(t, err)
	var got answer
	require.Eventually(t, func() bool {
		got, err = shared.exchange(request)
		return err == nil // whoever is refused while still sending may not hear the answer
	}, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.status)
}

// TestNobodyGetsInWithoutDev starts a server without dev mode in a folder where
// one with it was: the key that is still there opens nothing.
func TestNobodyGetsInWithoutDev(t *testing.T) {
	t.Parallel()
	dev, err := serve(filepath.Join(t.TempDir(), "data"), "--dev")
	require.NoError(t, err)
	tokens := []string{
		dev.mint(t, "--email", "olga@operators.example", "--operator"),
		sign(t, devKey(t, dev), claims(nil)),
		"garbage",
	}
	require.NoError(t, dev.stop())

	s, err := serve(dev.dataDir, "--grpc-key", "a-key-of-sixteen-or-more", "--operators", "olga@operators.example", "--oidc-issuers", "https://login.invalid=gatehouse")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop()) }()
	for _, token := range tokens {
		caller{s, token}.get(t, "/v1/me").want(t, http.StatusUnauthorized).code(t, "unauthenticated")
	}
	s.nobody().get(t, "/v1/me").want(t, http.StatusUnauthorized)
}

// devKey is what the dev issuer signs with.
func devKey(t *testing.T, s *server) ed25519.PrivateKey {
	t.Helper()

	text, err := os.ReadFile(cmp.Or(s.devKey, filepath.Join(s.dataDir, "dev-key.pem")))
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key.(ed25519.PrivateKey)
}

func publicPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()

	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// claims are a good token's, with changes; nil takes one away.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "gatehouse-dev", "aud": "gatehouse", "sub": "mallory@forgers.example",
		"email": "mallory@forgers.example", "email_verified": true,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func sign(t *testing.T, key ed25519.PrivateKey, c jwt.MapClaims) string {
	t.Helper()
	return signWith(t, jwt.SigningMethodEdDSA, crypto.Signer(key), c)
}

func signWith(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()

	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	require.NoError(t, err)
	return token
}

func unsigned(header string, c jwt.MapClaims, t *testing.T) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + payload(t, c) + "."
}

func payload(t *testing.T, c jwt.MapClaims) string {
	t.Helper()
	return strings.Split(signWith(t, jwt.SigningMethodHS256, []byte("any"), c), ".")[1]
}
