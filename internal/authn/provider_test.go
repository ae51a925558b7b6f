package authn_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/authn"
)

// publisher serves a provider's metadata and keys over TLS, as it is told to.
type publisher struct {
	*httptest.Server
	asked atomic.Int64 // how often its keys were asked for
	sent  atomic.Int64 // bytes without end

	mu       sync.Mutex
	keys     []any // jose.JSONWebKey or anything else
	handle   http.HandlerFunc
	metadata map[string]any // beside, or instead of, what is usual
}

func publish(t testing.TB, keys ...any) *publisher {
	t.Helper()
	p := &publisher{keys: keys}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case p.handle != nil:
			p.handle(w, r)
		case r.URL.Path == "/.well-known/openid-configuration":
			metadata := map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}
			for name, value := range p.metadata {
				metadata[name] = value
			}
			_ = json.NewEncoder(w).Encode(metadata)
		case r.URL.Path == "/keys":
			p.asked.Add(1)
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// change has it answer otherwise from now on.
func (p *publisher) change(to func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to()
}

// trusting is who trusts the publisher's tokens for gatehouse.
func (p *publisher) trusting(clock access.Clock) *authn.Logins {
	authorities := x509.NewCertPool()
	authorities.AddCert(p.Certificate())
	provider := authn.NewProvider(p.URL, []string{"gatehouse", "console"}, authorities, clock)
	return authn.NewLogins(nil, []*authn.Provider{provider}, slog.New(slog.DiscardHandler))
}

// said are the claims of a good token, with changes; nil takes one away.
func (p *publisher) said(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": p.URL, "sub": "ann", "aud": "gatehouse", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": "ann@Example.org", "email_verified": true, "given_name": "Ann", "family_name": "Lee",
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// signer signs as the holder of a key would.
type signer struct {
	key       any
	kid       string
	algorithm jose.SignatureAlgorithm
	header    map[jose.HeaderKey]any
}

func (s signer) sign(t testing.TB, claims any) string {
	t.Helper()
	options := (&jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}).WithType("JWT")
	for name, value := range s.header {
		if options.ExtraHeaders[name] = value; value == nil {
			delete(options.ExtraHeaders, name)
		}
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: jose.JSONWebKey{Key: s.key, KeyID: s.kid}}, options)
	require.NoError(t, err)
	payload, ok := claims.(string)
	if !ok {
		text, err := json.Marshal(claims)
		require.NoError(t, err)
		payload = string(text)
	}
	signed, err := made.Sign([]byte(payload))
	require.NoError(t, err)
	text, err := signed.CompactSerialize()
	require.NoError(t, err)
	return text
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.(crypto.Signer).Public(), KeyID: s.kid, Algorithm: string(s.algorithm), Use: "sig"}
}

func ec(t testing.TB, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{key: key, kid: kid, algorithm: jose.ES256}
}

func rsaKey(t testing.TB, kid string, bits int, algorithm jose.SignatureAlgorithm) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return signer{key: key, kid: kid, algorithm: algorithm}
}

func TestProviderVouchesForItsPeople(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for name, s := range map[string]signer{
		"RS256": rsaKey(t, "r", 2048, jose.RS256), "PS512": rsaKey(t, "p", 2048, jose.PS512), "ES256": ec(t, "e"), "EdDSA": {key: edwards, kid: "d", algorithm: jose.EdDSA},
	} {
		p := publish(t, map[string]any{"kty": "of another age", "kid": "new"}, s.public())
		login, err := p.trusting(at(now)).Authenticate(t.Context(), s.sign(t, p.said(nil)))
		require.NoError(t, err, name)
		assert.WithinDuration(t, now.Add(time.Hour), login.ExpiresAt, 0)
		login.ExpiresAt = time.Time{}
		assert.Equal(t, access.Login{
			Issuer: p.URL, Subject: "ann", Email: "ann@example.org", EmailVerified: true, GivenName: "Ann", FamilyName: "Lee",
		}, login, name)
	}
}

// TestWhatTokensMaySay: each row is accepted, and says this of the e-mail.
func TestWhatTokensMaySay(t *testing.T) {
	s := ec(t, "e")
	p := publish(t, s.public())
	logins := p.trusting(at(now))
	for name, c := range map[string]struct {
		claims   map[string]any
		header   map[jose.HeaderKey]any
		email    string
		verified bool
	}{
		"an access token by RFC 9068": {header: map[jose.HeaderKey]any{"typ": "at+jwt"}, email: "ann@example.org", verified: true},
		"its type in full":            {header: map[jose.HeaderKey]any{"typ": "application/AT+JWT"}, email: "ann@example.org", verified: true},
		"no type":                     {header: map[jose.HeaderKey]any{"typ": nil}, email: "ann@example.org", verified: true},
		"several audiences":           {claims: map[string]any{"aud": []string{"account", "gatehouse"}, "azp": "console"}, email: "ann@example.org", verified: true},
		"one, asked for by another":   {claims: map[string]any{"aud": []string{"gatehouse"}, "azp": "anything"}, email: "ann@example.org", verified: true},
		"a clock that is a bit ahead": {claims: map[string]any{"iat": now.Add(50 * time.Second).Unix(), "nbf": now.Add(50 * time.Second).Unix()}, email: "ann@example.org", verified: true},
		"no e-mail":                   {claims: map[string]any{"email": nil, "email_verified": nil}},
		"an e-mail nobody verified":   {claims: map[string]any{"email_verified": false}, email: "ann@example.org"},
		"an e-mail, and no more":      {claims: map[string]any{"email_verified": nil}, email: "ann@example.org"},
		"verified in so many words":   {claims: map[string]any{"email_verified": "true"}, email: "ann@example.org"},
		"an e-mail that is none":      {claims: map[string]any{"email": "ann"}},
		"that she is an operator":     {claims: map[string]any{"operator": true, "Operator": true}, email: "ann@example.org", verified: true},
		"the last moment of its life": {claims: map[string]any{"exp": now.Unix()}, email: "ann@example.org", verified: true},
	} {
		s.header = c.header
		login, err := logins.Authenticate(t.Context(), s.sign(t, p.said(c.claims)))
		require.NoError(t, err, name)
		login.ExpiresAt = time.Time{}
		assert.Equal(t, access.Login{
			Issuer: p.URL, Subject: "ann", Email: login.Email, EmailVerified: c.verified, GivenName: "Ann", FamilyName: "Lee",
		}, login, name)
		assert.EqualValues(t, c.email, login.Email, name)
	}
}

func TestForgeriesOfAProvidersTokensAreRefused(t *testing.T) {
	good, weak, oct := rsaKey(t, "good", 2048, jose.RS256), rsaKey(t, "weak", 1024, jose.RS256), []byte("a secret that a provider should not publish")
	p := publish(t, good.public(), weak.public(), jose.JSONWebKey{Key: oct, KeyID: "oct", Algorithm: "HS256"})
	logins := p.trusting(at(now))
	genuine := good.sign(t, p.said(nil))
	_, err := logins.Authenticate(t.Context(), genuine)
	require.NoError(t, err, "the rows below fail for what they change, and for nothing else")

	with := func(name string, value any) string { return good.sign(t, p.said(map[string]any{name: value})) }
	der, err := x509.MarshalPKIXPublicKey(good.public().Key)
	require.NoError(t, err)
	stranger := rsaKey(t, "good", 2048, jose.RS256)
	embedded := stranger
	embedded.header = map[jose.HeaderKey]any{"jwk": stranger.public(), "jku": p.URL + "/elsewhere"}
	typed := func(kind any) string {
		s := good
		s.header = map[jose.HeaderKey]any{"typ": kind}
		return s.sign(t, p.said(nil))
	}
	parts := strings.Split(genuine, ".")
	for name, token := range map[string]string{
		"another's key by that name":      stranger.sign(t, p.said(nil)),
		"a key that it brings itself":     embedded.sign(t, p.said(nil)),
		"a key that nobody published":     ec(t, "unknown").sign(t, p.said(nil)),
		"a key too weak":                  weak.sign(t, p.said(nil)),
		"a published secret":              signer{key: oct, kid: "oct", algorithm: jose.HS256}.sign(t, p.said(nil)),
		"the public key as a secret":      signer{key: der, kid: "good", algorithm: jose.HS256}.sign(t, p.said(nil)),
		"another algorithm of the key":    signer{key: good.key, kid: "good", algorithm: jose.PS256}.sign(t, p.said(nil)),
		"no algorithm":                    base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"no signature":                    parts[0] + "." + parts[1] + ".",
		"another payload":                 tamper(genuine),
		"JSON serialization":              `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"another issuer":                  with("iss", "https://elsewhere.example"),
		"the issuer with a slash":         with("iss", p.URL+"/"),
		"no issuer":                       with("iss", nil),
		"another audience":                with("aud", "elsewhere"),
		"no audience":                     with("aud", nil),
		"an audience of another spelling": with("aud", "Gatehouse"),
		"audiences and no party":          with("aud", []string{"gatehouse", "elsewhere"}),
		"audiences and another party":     good.sign(t, p.said(map[string]any{"aud": []string{"gatehouse", "elsewhere"}, "azp": "elsewhere"})),
		"no subject":                      with("sub", nil),
		"an empty subject":                with("sub", ""),
		"a subject that is a number":      with("sub", 7),
		"a subject too long":              with("sub", strings.Repeat("a", 256)),
		"no end":                          with("exp", nil),
		"an end in words":                 with("exp", "tomorrow"),
		"not valid yet":                   with("nbf", now.Add(2*time.Minute).Unix()),
		"issued in the future":            with("iat", now.Add(2*time.Minute).Unix()),
		"the type of a sign-out":          typed("logout+jwt"),
		"the type of a proof":             typed("dpop+jwt"),
		"bound to a key":                  with("cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
		"a sign-out of no type":           with("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"a type that is none":             typed(7),
		"no claims":                       good.sign(t, "null"),
		"claims that are a list":          good.sign(t, "[]"),
		"more than anybody reads":         with("filler", strings.Repeat("a", 16<<10)),
		"an opaque token":                 "2YotnFZFEjr1zCsicMWpAA",
		"another subject in capitals":     with("SUB", "boss"),
		"another subject in old letters":  with("ſub", "boss"),
		"an e-mail in capitals":           with("EMAIL", "boss@example.org"),
		"a verdict in other letters":      with("Email_Verified", true),
		"an audience in other letters":    with("Aud", "gatehouse"),
		"a subject with a line feed":      with("sub", "ann\n"),
		"a subject with NUL":              with("sub", "ann\x00"),
		"two subjects":                    good.sign(t, twice(t, p.said(nil))),
	} {
		login, err := logins.Authenticate(t.Context(), token)
		assert.True(t, access.HasCode(err, "unauthenticated"), "%s: %v %v", name, login, err)
		assert.Zero(t, login, name)
	}
	_, err = logins.Authenticate(t.Context(), with("exp", now.Add(-time.Second).Unix()))
	assert.True(t, access.HasCode(err, "token_expired"), "%v", err)
}

// twice names another subject first.
func twice(t *testing.T, claims map[string]any) json.RawMessage {
	text, err := json.Marshal(claims)
	require.NoError(t, err)
	return append(json.RawMessage(`{"sub":"boss",`), text[1:]...)
}

// TestAProviderVouchesForNobodyElses: what one signs in the name of another is refused.
func TestAProviderVouchesForNobodyElses(t *testing.T) {
	a, b := ec(t, "same"), ec(t, "same")
	one, other := publish(t, a.public()), publish(t, b.public())
	authorities := x509.NewCertPool()
	authorities.AddCert(one.Certificate())
	logins := authn.NewLogins(nil, []*authn.Provider{
		authn.NewProvider(one.URL, []string{"gatehouse"}, authorities, at(now)), authn.NewProvider(other.URL, []string{"other"}, authorities, at(now)),
	}, slog.New(slog.DiscardHandler))

	_, err := logins.Authenticate(t.Context(), a.sign(t, one.said(nil)))
	require.NoError(t, err)
	for _, forged := range []string{b.sign(t, one.said(nil)), a.sign(t, other.said(map[string]any{"aud": "other"})), b.sign(t, other.said(nil))} {
		_, err := logins.Authenticate(t.Context(), forged)
		assert.True(t, access.HasCode(err, "unauthenticated"), "%v", err)
	}
}

func TestRotatedKeysAreLookedFor(t *testing.T) {
	moment := now
	s, next := ec(t, "1"), ec(t, "2")
	p := publish(t, s.public())
	logins := p.trusting(func() time.Time { return moment })
	try := func(s signer) error {
		_, err := logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
		return err
	}
	require.NoError(t, try(s))
	require.NoError(t, try(s))
	assert.EqualValues(t, 1, p.asked.Load(), "keys that are known are not asked for")

	p.change(func() { p.keys = []any{next.public()} })
	moment = moment.Add(10 * time.Second)
	require.NoError(t, try(next))
	assert.EqualValues(t, 2, p.asked.Load())
	require.Error(t, try(s), "what was withdrawn is trusted no more")

	for range 100 {
		assert.True(t, access.HasCode(try(ec(t, "forged")), "unauthenticated"))
	}
	moment = moment.Add(time.Minute)
	assert.True(t, access.HasCode(try(ec(t, "2")), "unauthenticated"), "a known key has not signed that, and no other will have")
	assert.EqualValues(t, 2, p.asked.Load(), "strangers do not decide how often the provider is asked")
}

// TestKeysWithoutNamesAreTried, for some providers have but one and do not name it.
func TestKeysWithoutNamesAreTried(t *testing.T) {
	moment := now
	s, next := ec(t, ""), ec(t, "")
	p := publish(t, s.public())
	logins := p.trusting(func() time.Time { return moment })
	_, err := logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
	require.NoError(t, err)

	p.change(func() { p.keys = []any{next.public()} })
	moment = moment.Add(10 * time.Second)
	_, err = logins.Authenticate(t.Context(), next.sign(t, p.said(nil)))
	require.NoError(t, err)
}

// TestProvidersThatCannotBeAsked make no token bad, and none good.
func TestProvidersThatCannotBeAsked(t *testing.T) {
	s := ec(t, "e")
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{s.public()}})
	}))
	t.Cleanup(plain.Close)
	for name, fail := range map[string]func(p *publisher){
		"errors": func(p *publisher) {
			p.handle = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		},
		"garbage": func(p *publisher) {
			p.handle = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }
		},
		"endless":              func(p *publisher) { p.handle = p.endless },
		"redirects":            (*publisher).redirect,
		"another issuer":       func(p *publisher) { p.metadata = map[string]any{"issuer": "https://elsewhere.example"} },
		"keys without TLS":     func(p *publisher) { p.metadata = map[string]any{"jwks_uri": plain.URL} },
		"keys in a file":       func(p *publisher) { p.metadata = map[string]any{"jwks_uri": "file:///etc/passwd"} },
		"keys nowhere":         func(p *publisher) { p.metadata = map[string]any{"jwks_uri": nil} },
		"no keys":              func(p *publisher) { p.keys = nil },
		"a key for encryption": func(p *publisher) { p.keys = []any{jose.JSONWebKey{Key: s.public().Key, KeyID: "e", Use: "enc"}} },
	} {
		t.Run(name, func(t *testing.T) {
			moment := now
			p := publish(t, s.public())
			logins := p.trusting(func() time.Time { return moment })
			p.change(func() { fail(p) })
			for range 3 {
				_, err := logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
				assert.True(t, access.IsKind(err, access.Unavailable), "%v", err)
			}
			_, err := logins.Authenticate(t.Context(), ec(t, "e").sign(t, p.said(nil)))
			assert.True(t, access.IsKind(err, access.Unavailable), "%v", err)

			p.change(func() { p.handle, p.metadata, p.keys = nil, nil, []any{s.public()} })
			moment = moment.Add(2 * time.Second)
			_, err = logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
			require.NoError(t, err, "it recovers")

			p.change(func() { fail(p) })
			moment = moment.Add(20 * time.Second)
			_, err = logins.Authenticate(t.Context(), ec(t, "other").sign(t, p.said(nil)))
			assert.True(t, access.IsKind(err, access.Unavailable), "%v", err)
			_, err = logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
			require.NoError(t, err, "what is known stays so")
			assert.Less(t, p.sent.Load(), int64(16<<20), "no more is read than there is reason to")
		})
	}
}

// redirect leads to metadata that would be good if they were where they belong.
func (p *publisher) redirect() {
	p.handle = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"})
		case "/keys":
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
		default:
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}
}

func (p *publisher) endless(w http.ResponseWriter, r *http.Request) {
	filler := []byte(`{"issuer":"` + strings.Repeat("a", 64<<10))
	for r.Context().Err() == nil {
		n, err := w.Write(filler)
		if p.sent.Add(int64(n)); err != nil {
			return
		}
	}
}

// TestWhoLeavesIsNotRefused: their token was neither good nor bad.
func TestWhoLeavesIsNotRefused(t *testing.T) {
	s := ec(t, "e")
	p := publish(t, s.public())
	logins, token := p.trusting(at(now)), s.sign(t, p.said(nil))
	ctx, leave := context.WithCancel(t.Context())
	var usual http.HandlerFunc = p.Config.Handler.ServeHTTP
	arrived, goOn := make(chan struct{}), make(chan struct{})
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			close(arrived)
			<-goOn
		}
		usual(w, r)
	})
	left := make(chan error)
	go func() {
		_, err := logins.Authenticate(ctx, token)
		left <- err
	}()
	<-arrived
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(goOn)
	_, err := logins.Authenticate(t.Context(), token)
	require.NoError(t, err, "who comes next gets what was fetched for another")
}

// TestWhoForgesAndLeavesIsNoFaultOfOurs: it counts as left, not as something that went wrong here.
func TestWhoForgesAndLeavesIsNoFaultOfOurs(t *testing.T) {
	s, stranger := ec(t, "e"), ec(t, "e")
	p := publish(t, s.public())
	logins := p.trusting(at(now))
	_, err := logins.Authenticate(t.Context(), s.sign(t, p.said(nil)))
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err = logins.Authenticate(ctx, stranger.sign(t, p.said(nil)))
	assert.ErrorIs(t, err, context.Canceled)
}

// TestManyAskOnce: those who come while keys are fetched wait for that.
func TestManyAskOnce(t *testing.T) {
	s := ec(t, "e")
	p := publish(t, s.public())
	logins := p.trusting(at(now))
	token := s.sign(t, p.said(nil))
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			_, err := logins.Authenticate(t.Context(), token)
			assert.NoError(t, err)
		})
	}
	running.Wait()
	assert.EqualValues(t, 1, p.asked.Load())
}

func BenchmarkProvider(b *testing.B) {
	for name, s := range map[string]signer{"RS256": rsaKey(b, "r", 2048, jose.RS256), "ES256": ec(b, "e")} {
		b.Run(name, func(b *testing.B) {
			p := publish(b, s.public())
			logins, token := p.trusting(at(now)), s.sign(b, p.said(nil))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := logins.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzLogins: whatever the provider has not signed is nobody's token.
func FuzzLogins(f *testing.F) {
	s := ec(f, "e")
	p := publish(f, s.public())
	logins := p.trusting(at(now))
	token := s.sign(f, p.said(nil))
	ann, err := logins.Authenticate(f.Context(), token)
	require.NoError(f, err)
	f.Add(token + ".")
	f.Add(tamper(token))
	f.Add("eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".")
	f.Fuzz(func(t *testing.T, text string) {
		if login, err := logins.Authenticate(t.Context(), text); err == nil && login != ann { // the last letter of a signature may be another
			t.Fatalf("%q passes for %v", text, login)
		}
	})
}
