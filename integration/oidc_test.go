package integration

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// verified is somebody whose e-mail the provider has verified.
func verified(email string) storage.User {
	return storage.User{Email: email, EmailVerified: true, FirstName: "Kim", LastName: "Doe"}
}

// at signs somebody in at the server with the access token of a provider.
func (p *provider) at(t *testing.T, s *server, name string) caller {
	t.Helper()
	token, _ := p.signIn(t, name)
	return caller{s, token}
}

// TestPeopleSignInAtTheirProvider, are invited, accept, may, and are in the audit; all
// of it without dev mode.
func TestPeopleSignInAtTheirProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	s := trust(t, []*provider{p}, "--operators", "olga@operators.example")
	p.knows("olga", verified("olga@operators.example"))
	p.knows("ann", verified("Ann@Login.example"))

	olga := p.at(t, s, "olga")
	olga.post(t, "/v1/instances", object{"id": "paper", "name": "Paper"}).want(t, http.StatusCreated)
	olga.post(t, "/v1/instances/paper/invitations", object{"email": "ann@login.example", "roles": []string{"company_admin"}}).want(t, http.StatusCreated)
	_, link := s.letter(t, "ann@login.example").link(t)

	accessToken, idToken := p.signIn(t, "ann")
	ann := caller{s, accessToken}
	me := ann.get(t, "/v1/me").want(t, http.StatusOK)
	assert.Equal(t, "ann@login.example", me.text(t, "email"))
	assert.Equal(t, "Kim", me.text(t, "given_name"))
	id := me.text(t, "id")
	assert.Equal(t, id, caller{s, idToken}.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id"), "the ID token is for the same audience, and of the same person")
	may := question("instance", "paper", "read", object{"type": "user", "id": id})
	assert.Equal(t, false, olga.post(t, "/v1/check", may).want(t, http.StatusOK).at(t, "allowed"))

	ann.post(t, "/v1/invitations/accept", object{"token": link}).want(t, http.StatusCreated)
	assert.Equal(t, true, ann.post(t, "/v1/check", may).want(t, http.StatusOK).at(t, "allowed"))
	assert.True(t, s.zedAllows(t, "instance:paper", "read", "user:"+id))
	var accepted []event
	await(t, "the event of the acceptance", func() bool {
		accepted = slices.DeleteFunc(olga.events(t, "object=instance:paper"), func(e event) bool { return e.Operation != "accept_invitation" })
		return len(accepted) == 1
	})
	assert.Equal(t, id, accepted[0].Actor.ID)
	assert.Contains(t, accepted[0].texts(), "touch instance:paper#company_admin@user:"+id)

	ann.post(t, "/v1/partners", object{"name": "A"}).want(t, http.StatusForbidden) // nobody else was made an operator
}

// TestOnlyVerifiedEmailsCount where an e-mail opens something: a profile, an
// invitation, the platform.
func TestOnlyVerifiedEmailsCount(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	s := trust(t, []*provider{p}, "--operators", "olga@operators.example")
	p.knows("olga", verified("olga@operators.example"))
	olga := p.at(t, s, "olga")
	olga.post(t, "/v1/instances", object{"id": "paper", "name": "Paper"}).want(t, http.StatusCreated)
	olga.post(t, "/v1/instances/paper/invitations", object{"email": "bob@login.example", "roles": []string{"company_admin"}}).want(t, http.StatusCreated)
	_, link := s.letter(t, "bob@login.example").link(t)
	accept := object{"token": link}
	p.knows("carol", verified("carol@login.example"))
	p.at(t, s, "carol").get(t, "/v1/me").want(t, http.StatusOK)
	before := s.relationships(t)

	for name, claimed := range map[string]storage.User{
		"bob's":      {Email: "bob@login.example"},
		"olga's":     {Email: "olga@operators.example"},
		"nobody's":   {Email: "new@login.example"},
		"none":       {},
		"not really": {Email: "bob", EmailVerified: true},
	} {
		p.knows("mallory", claimed)
		mallory := p.at(t, s, "mallory")
		mallory.get(t, "/v1/me").want(t, http.StatusForbidden).code(t, "email_unverified")
		mallory.post(t, "/v1/invitations/accept", accept).want(t, http.StatusForbidden).code(t, "email_unverified")
		refused := mallory.post(t, "/v1/partners", object{"name": "A"}).want(t, http.StatusForbidden).code(t, "email_unverified")
		assert.Contains(t, refused.text(t, "detail"), "email_verified", "%s: whoever runs the provider learns what is missing", name)
	}
	// Whoever signed in once is known by their subject; their new e-mail opens nothing.
	for _, claimed := range []storage.User{{Email: "bob@login.example"}, verified("bob@login.example"), {}} {
		p.knows("carol", claimed)
		carol := p.at(t, s, "carol")
		assert.Equal(t, "carol@login.example", carol.get(t, "/v1/me").want(t, http.StatusOK).text(t, "email"))
		carol.post(t, "/v1/invitations/accept", accept).want(t, http.StatusForbidden).code(t, "email_mismatch")
	}
	p.knows("carol", storage.User{Email: "olga@operators.example"})
	p.at(t, s, "carol").post(t, "/v1/partners", object{"name": "A"}).want(t, http.StatusForbidden).code(t, "forbidden")
	assert.Equal(t, before, s.relationships(t))

	p.knows("bob", verified("bob@login.example"))
	p.at(t, s, "bob").post(t, "/v1/invitations/accept", accept).want(t, http.StatusCreated)
}

// TestOneSubjectAtTwoProvidersIsTwoPeople, and one e-mail is not two.
func TestOneSubjectAtTwoProvidersIsTwoPeople(t *testing.T) {
	t.Parallel()
	one, other := newProvider(t, ""), newProvider(t, "")
	s := trust(t, []*provider{one, other})
	ann, bob := verified("ann@login.example"), verified("bob@login.example")
	ann.ID, bob.ID = "1000", "1000"
	one.knows("kim", ann)
	other.knows("kim", bob)

	first, second := one.at(t, s, "kim").get(t, "/v1/me").want(t, http.StatusOK), other.at(t, s, "kim").get(t, "/v1/me").want(t, http.StatusOK)
	assert.NotEqual(t, first.text(t, "id"), second.text(t, "id"))
	assert.Equal(t, "bob@login.example", second.text(t, "email"))

	other.knows("ann", verified("ann@login.example"))
	other.at(t, s, "ann").get(t, "/v1/me").want(t, http.StatusConflict).code(t, "taken")
}

// TestProvidersChangeTheirKeys while the server runs, which asks them no more often
// than it must.
func TestProvidersChangeTheirKeys(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	s := trust(t, []*provider{p})
	p.knows("ann", verified("ann@login.example"))
	before := p.at(t, s, "ann")
	before.get(t, "/v1/me").want(t, http.StatusOK)

	p.rotate(t)
	after := p.at(t, s, "ann")
	await(t, "tokens by the new key to be accepted", func() bool {
		return after.get(t, "/v1/me").status == http.StatusOK
	})
	before.get(t, "/v1/me").want(t, http.StatusUnauthorized).code(t, "unauthenticated")
	asked := p.asked.Load()
	forged := signNamed(t, jwt.SigningMethodRS256, "unknown", newKey(t).made, p.claims(nil))
	for range 50 {
		caller{s, forged}.get(t, "/v1/me").want(t, http.StatusUnauthorized)
	}
	assert.LessOrEqual(t, p.asked.Load(), asked+1, "strangers do not decide how often the provider is asked")
}

// TestProvidersMayBeDown when the server starts. Nobody is told that their token is
// bad, nor let in, until they are up.
func TestProvidersMayBeDown(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "")
	p.knows("ann", verified("ann@login.example"))
	token, _ := p.signIn(t, "ann")
	address := p.Listener.Addr().String()
	p.Close()

	s := trust(t, []*provider{p})
	for _, sent := range []string{token, p.sign(t, p.claims(nil)), signNamed(t, jwt.SigningMethodRS256, "unknown", newKey(t).made, p.claims(nil))} {
		got := caller{s, sent}.get(t, "/v1/me").want(t, http.StatusServiceUnavailable).code(t, "unavailable")
		assert.NotEmpty(t, got.header.Get("Retry-After"))
		assert.Empty(t, got.header.Get("WWW-Authenticate"))
		assert.NotContains(t, string(got.body), address, "the driver's words are for the log")
	}
	caller{s, "garbage"}.get(t, "/v1/me").want(t, http.StatusUnauthorized)
	assert.Equal(t, http.StatusOK, page(t, s, "/readyz").status, "for whoever signs in elsewhere")
	assert.Contains(t, s.stderr.String(), "a login provider cannot be asked for its keys")

	p.listen(t, address)
	await(t, "the server to find the provider", func() bool {
		return caller{s, token}.get(t, "/v1/me").status == http.StatusOK
	})
	p.Close()
	caller{s, token}.get(t, "/v1/me").want(t, http.StatusOK)
}

// claims are a good token's, with changes; nil takes one away.
func (p *provider) claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": p.URL, "sub": "mallory", "aud": audience, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"email": "mallory@forgers.example", "email_verified": true,
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	return c
}

// forgeries are tokens that are no good, each for one reason. Had they been, they would
// be somebody's who operates the platform.
func forgeries(t *testing.T, p, other *provider) map[string]string {
	t.Helper()

	key, stranger := p.signingKey(), newKey(t)
	good := p.sign(t, p.claims(nil))
	parts := strings.Split(good, ".")
	with := func(name string, value any) string { return p.sign(t, p.claims(jwt.MapClaims{name: value})) }
	typed := func(kind string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, p.claims(nil))
		token.Header["kid"], token.Header["typ"] = key.id, kind
		text, err := token.SignedString(key.made)
		require.NoError(t, err)
		return text
	}
	secret := publicPEM(t, key.made)
	return map[string]string{
		"no credential":                 "",
		"garbage":                       "garbage",
		"not signed":                    signNamed(t, jwt.SigningMethodNone, key.id, jwt.UnsafeAllowNoneSignatureType, p.claims(nil)),
		"without its signature":         parts[0] + "." + parts[1] + ".",
		"keyed with the public key":     signNamed(t, jwt.SigningMethodHS256, key.id, secret, p.claims(nil)),
		"of an unknown key":             signNamed(t, jwt.SigningMethodRS256, stranger.id, stranger.made, p.claims(nil)),
		"of another key of that name":   signNamed(t, jwt.SigningMethodRS256, key.id, stranger.made, p.claims(nil)),
		"of another provider's key":     other.sign(t, p.claims(nil)),
		"of its key in another's name":  p.sign(t, p.claims(jwt.MapClaims{"iss": other.URL})),
		"with another payload":          parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+p.URL+`","sub":"olga","aud":"gatehouse","exp":9999999999}`)) + "." + parts[2],
		"of an unknown issuer":          with("iss", "https://elsewhere.example"),
		"of no issuer":                  with("iss", nil),
		"of the dev issuer":             with("iss", "gatehouse-dev"),
		"for another audience":          with("aud", "elsewhere"),
		"for no audience":               with("aud", nil),
		"for others too, asked by them": p.sign(t, p.claims(jwt.MapClaims{"aud": []string{audience, "elsewhere"}, "azp": "elsewhere"})),
		"for others too, asked by none": with("aud", []string{audience, "elsewhere"}),
		"without an end":                with("exp", nil),
		"expired":                       with("exp", time.Now().Add(-time.Second).Unix()),
		"not valid yet":                 with("nbf", time.Now().Add(time.Hour).Unix()),
		"issued tomorrow":               with("iat", time.Now().Add(24*time.Hour).Unix()),
		"of no subject":                 with("sub", nil),
		"of an empty subject":           with("sub", ""),
		"to sign somebody out":          typed("logout+jwt"),
		"of an unheard-of type":         typed("surprise"),
		"larger than anybody's":         with("filler", strings.Repeat("a", 18<<10)),
		"in two parts":                  parts[0] + "." + parts[1],
		"twice":                         good + " " + good,
		"as its JSON serialization":     `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"with a longer signature":       good + "AAAA",
	}
}
