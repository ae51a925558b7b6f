package authn_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/authn"
)

var now = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

func at(moment time.Time) access.Clock { return func() time.Time { return moment } }

func issuer(t testing.TB, dir string, clock access.Clock) *authn.DevIssuer {
	t.Helper()
	i, err := authn.OpenDevIssuer(filepath.Join(dir, "dev-key.pem"), true, clock)
	require.NoError(t, err)
	return i
}

func TestTokenSignsItsOwnerIn(t *testing.T) {
	dir := t.TempDir()
	token, err := issuer(t, dir, at(now)).Token("ann@example.org", true)
	require.NoError(t, err)

	login, err := issuer(t, dir, at(now.Add(23*time.Hour))).Authenticate(t.Context(), token)
	require.NoError(t, err)
	assert.WithinDuration(t, now.Add(24*time.Hour), login.ExpiresAt, 0)
	login.ExpiresAt = time.Time{}
	assert.Equal(t, access.Login{
		Issuer: "gatehouse-dev", Subject: "ann@example.org", Email: "ann@example.org", EmailVerified: true, Operator: true,
	}, login)

	_, err = issuer(t, dir, at(now.Add(25*time.Hour))).Authenticate(t.Context(), token)
	assert.True(t, access.HasCode(err, "token_expired"), "%v", err)
}

// TestServersThatStartAtOnceShareOneKey, whoever made it.
func TestServersThatStartAtOnceShareOneKey(t *testing.T) {
	dir := t.TempDir()
	issuers := make([]*authn.DevIssuer, 20)
	var starting sync.WaitGroup
	for n := range issuers {
		starting.Go(func() {
			var err error
			issuers[n], err = authn.OpenDevIssuer(filepath.Join(dir, "dev-key.pem"), true, at(now))
			assert.NoError(t, err)
		})
	}
	starting.Wait()
	token, err := issuer(t, dir, at(now)).Token("ann@example.org", false)
	require.NoError(t, err)
	for _, other := range issuers {
		_, err := other.Authenticate(t.Context(), token)
		assert.NoError(t, err)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "nothing is left over")
}

func TestKeyIsMadeOnlyByWhoMay(t *testing.T) {
	dir := t.TempDir()
	_, err := authn.OpenDevIssuer(filepath.Join(dir, "dev-key.pem"), false, at(now))
	require.ErrorIs(t, err, fs.ErrNotExist)

	issuer(t, dir, at(now))
	info, err := os.Stat(filepath.Join(dir, "dev-key.pem"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "only its owner reads the key")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "dev-key.pem"), []byte("not a key"), 0o600))
	_, err = authn.OpenDevIssuer(filepath.Join(dir, "dev-key.pem"), true, at(now))
	require.ErrorContains(t, err, "delete it")
}

func TestForgeriesAreRefused(t *testing.T) {
	dir := t.TempDir()
	i := issuer(t, dir, at(now))
	key := readKey(t, dir)
	_, stranger, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"iss": "gatehouse-dev", "aud": "gatehouse", "sub": "ann@example.org", "email": "ann@example.org", "email_verified": true,
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		change(c)
		return c
	}
	as := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		text, err := jwt.NewWithClaims(method, claims(change)).SignedString(key)
		require.NoError(t, err)
		return text
	}
	genuine := as(jwt.SigningMethodEdDSA, key, func(jwt.MapClaims) {})
	_, err = i.Authenticate(t.Context(), genuine)
	require.NoError(t, err, "the rows below fail for what they change, and for nothing else")

	for name, token := range map[string]string{
		"another key":         as(jwt.SigningMethodEdDSA, stranger, func(jwt.MapClaims) {}),
		"no signature":        as(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, func(jwt.MapClaims) {}),
		"public key as HMAC":  as(jwt.SigningMethodHS256, []byte(key.Public().(ed25519.PublicKey)), func(jwt.MapClaims) {}),
		"another issuer":      as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { c["iss"] = "elsewhere" }),
		"another audience":    as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { c["aud"] = "elsewhere" }),
		"no audience":         as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { delete(c, "aud") }),
		"no expiry":           as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { delete(c, "exp") }),
		"expired":             as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Second).Unix() }),
		"issued in future":    as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { c["iat"] = now.Add(time.Hour).Unix() }),
		"no subject":          as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { delete(c, "sub") }),
		"no e-mail":           as(jwt.SigningMethodEdDSA, key, func(c jwt.MapClaims) { delete(c, "email") }),
		"tampered claims":     tamper(genuine),
		"truncated signature": genuine[:len(genuine)-10],
		"garbage":             "a.b.c",
		"empty":               "",
	} {
		_, err := i.Authenticate(t.Context(), token)
		assert.True(t, access.IsKind(err, access.Unauthenticated), "%s: %v", name, err)
	}
	_, err = authn.NewLogins(nil, nil, slog.New(slog.DiscardHandler)).Authenticate(t.Context(), genuine)
	assert.True(t, access.IsKind(err, access.Unauthenticated), "without dev mode no token is good")
}

// tamper puts another e-mail under the signature of a token.
func tamper(token string) string {
	parts := strings.Split(token, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(claims), "ann@", "bob@")))
	return strings.Join(parts, ".")
}

func readKey(t testing.TB, dir string) ed25519.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "dev-key.pem"))
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key.(ed25519.PrivateKey)
}

// FuzzAuthenticate: whatever is not signed with the key is nobody's token.
func FuzzAuthenticate(f *testing.F) {
	dir := f.TempDir()
	i := issuer(f, dir, at(now))
	token, err := i.Token("ann@example.org", false)
	require.NoError(f, err)
	head, rest, _ := strings.Cut(token, ".")
	f.Add(head + ".." + rest)
	f.Add(tamper(token))
	f.Add(token + ".")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if login, err := i.Authenticate(t.Context(), text); err == nil && text != token {
			t.Fatalf("%q passes for %v", text, login)
		}
	})
}
