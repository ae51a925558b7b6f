package integration

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"
)

// audience is what tokens must be made for. To the provider it is the application
// that people sign in to.
const audience = "gatehouse"

// provider is a certified OpenID provider, at which people sign in with a password.
type provider struct {
	*storage.Storage // of logins under way
	*httptest.Server
	asked atomic.Int64 // how often its keys were asked for

	mu     sync.Mutex
	people map[string]*storage.User // by user name
	key    signingKey
}

// newProvider runs a provider at an address, or at any.
func newProvider(t *testing.T, address string) *provider {
	t.Helper()

	p := &provider{people: map[string]*storage.User{}, key: newKey(t)}
	p.Storage = storage.NewStorageWithClients(p, map[string]*storage.Client{audience: storage.NativeClient(audience)})
	p.listen(t, address)
	return p
}

func (p *provider) listen(t *testing.T, address string) {
	t.Helper()

	listener, err := net.Listen("tcp", cmp.Or(address, "127.0.0.1:0"))
	require.NoError(t, err)
	serves := exampleop.SetupServer("https://"+listener.Addr().String(), p, slog.New(slog.DiscardHandler), false)
	p.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			p.asked.Add(1)
		}
		serves.ServeHTTP(w, r)
	})}}
	p.StartTLS()
	t.Cleanup(p.Close)
}

// knows has the provider know somebody, by the name they sign in with; or know
// something else of them.
func (p *provider) knows(name string, u storage.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u.Username, u.Password = name, "verysecure"
	u.ID = cmp.Or(u.ID, "subject of "+name)
	p.people[name] = &u
}

// GetUserByUsername and its like make it the store.UserStore of the provider.
func (p *provider) GetUserByUsername(name string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.people[name]
}

func (p *provider) GetUserByID(id string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	for u := range maps.Values(p.people) {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (p *provider) ExampleClientID() string { return storage.ServiceUserID }

// application gets access tokens that can be read, and is told of people's e-mails.
type application struct{ op.Client }

func (application) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (application) IDTokenUserinfoClaimsAssertion() bool { return true }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := p.Storage.GetClientByClientID(ctx, id)
	return application{client}, err
}

// GetPrivateClaimsFromScopes is where a provider is told what access tokens say.
func (p *provider) GetPrivateClaimsFromScopes(_ context.Context, userID, _ string, _ []string) (map[string]any, error) {
	u := p.GetUserByID(userID)
	if u.Email == "" {
		return nil, nil
	}
	return map[string]any{"email": u.Email, "email_verified": u.EmailVerified, "given_name": u.FirstName, "family_name": u.LastName}, nil
}

// signingKey is what the provider signs with, and what it publishes of it.
type signingKey struct {
	id   string
	made *rsa.PrivateKey
}

func newKey(t *testing.T) signingKey {
	t.Helper()

	made, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return signingKey{rand.Text(), made}
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.made }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return k.made.Public() }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }

// rotate has the provider sign with another key at once, and withdraw the one before.
func (p *provider) rotate(t *testing.T) {
	t.Helper()

	next := newKey(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = next
}

func (p *provider) signingKey() signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) { return p.signingKey(), nil }

func (p *provider) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{p.signingKey()}}, nil
}

// callback is where the provider sends people back to once they have signed in.
// Nobody listens there: what it sends them with is in the address.
const callback = "http://localhost/auth/callback"

// signIn signs somebody in as a browser and an application do: by the code flow, with
// PKCE. It returns the tokens that the application gets.
func (p *provider) signIn(t *testing.T, name string) (access, id string) {
	t.Helper()

	browser := p.Client()
	browser.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Hostname() == "localhost" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	ctx := oidc.ClientContext(t.Context(), browser)
	discovered, err := oidc.NewProvider(ctx, p.URL)
	require.NoError(t, err)
	app := oauth2.Config{ClientID: audience, Endpoint: discovered.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "email", "profile"}}
	secret, nonce, state := oauth2.GenerateVerifier(), rand.Text(), rand.Text()

	asked, err := browser.Get(app.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(secret)))
	require.NoError(t, err)
	require.NoError(t, asked.Body.Close())
	sent, err := browser.PostForm(p.URL+"/login/username", url.Values{
		"username": {name}, "password": {"verysecure"}, "id": {asked.Request.URL.Query().Get("authRequestID")},
	})
	require.NoError(t, err)
	require.NoError(t, sent.Body.Close())
	back, err := sent.Location()
	require.NoError(t, err)
	require.Equal(t, state, back.Query().Get("state"), "%s", back)

	tokens, err := app.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(secret))
	require.NoError(t, err)
	id, _ = tokens.Extra("id_token").(string)
	verified, err := discovered.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, id)
	require.NoError(t, err)
	require.Equal(t, nonce, verified.Nonce)
	return tokens.AccessToken, id
}

// sign makes a token with the provider's own key, as nobody else could.
func (p *provider) sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	key := p.signingKey()
	return signNamed(t, jwt.SigningMethodRS256, key.id, key.made, claims)
}

// signNamed makes a token that names the key it is signed with.
func signNamed(t *testing.T, method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	t.Helper()

	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

// trust starts a server without dev mode, to which people sign in at these providers.
func trust(t *testing.T, providers []*provider, flags ...string) *server {
	t.Helper()

	data, key := filepath.Join(t.TempDir(), "data"), rand.Text()
	require.NoError(t, os.Mkdir(data, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "grpc-key"), []byte(key), 0o600)) // where tests look for it
	s, err := serve(data, slices.Concat(flags, []string{"--grpc-key", key}, trusting(t, providers...))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

// trusting are the flags of a server to which people sign in at these providers.
func trusting(t *testing.T, providers ...*provider) []string {
	t.Helper()

	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	require.NoError(t, os.WriteFile(authorities, testAuthority(), 0o600))
	flags := []string{"--oidc-ca-file", authorities}
	for _, p := range providers {
		flags = append(flags, "--oidc-issuers", p.URL+"="+audience)
	}
	return flags
}

// testAuthority is the certificate that vouches for every httptest.Server.
var testAuthority = sync.OnceValue(func() []byte {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
})
