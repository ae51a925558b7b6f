package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// leeway is how far a provider's clock may be ahead of ours. None is given to
	// tokens that have expired.
	leeway = time.Minute
	// maxSubject is what OpenID Connect bounds a subject to.
	maxSubject = 255
)

// algorithms are those by which nobody can sign who can verify.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

var algorithmNames = func() (names []string) {
	for _, a := range algorithms {
		names = append(names, string(a))
	}
	return names
}()

// Provider is an OpenID provider whose tokens are trusted if they are made for one
// of the audiences.
type Provider struct {
	issuer    string
	audiences []string
	keys      *keys
	now       access.Clock
}

// NewProvider trusts an issuer, which is asked for nothing yet. The authorities vouch
// for its server; nil stands for those that this machine trusts.
func NewProvider(issuer string, audiences []string, authorities *x509.CertPool, now access.Clock) *Provider {
	return &Provider{issuer: issuer, audiences: audiences, keys: newKeys(issuer, authorities, now), now: now}
}

// Reach fails unless the provider says what it signs with.
func (p *Provider) Reach(ctx context.Context) error {
	defer p.keys.client.CloseIdleConnections()
	_, err := p.keys.fetch(ctx)
	return err
}

// Authorities reads those that vouch for providers from a PEM file; nil, without one,
// stands for those that this machine trusts.
func Authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificates", path)
	}
	return pool, nil
}

// authenticate turns a token that names exactly this issuer into the login it stands
// for. Errors: Unauthenticated (token_expired, unauthenticated), Unavailable while the
// provider has yet to say what it signs with.
func (p *Provider) authenticate(ctx context.Context, token string) (access.Login, error) {
	signed := &signature{keys: p.keys}
	// Audiences are checked below: there may be several.
	config := &oidc.Config{SupportedSigningAlgs: algorithmNames, SkipClientIDCheck: true, Now: p.now}
	verified, err := oidc.NewVerifier(p.issuer, signed, config).Verify(ctx, token)
	var late *oidc.TokenExpiredError
	switch {
	case signed.down != nil:
		return access.Login{}, signed.down
	case errors.As(err, &late) && !late.Expiry.IsZero():
		return access.Login{}, expired()
	case err != nil:
		return access.Login{}, refused(err)
	}
	var claims claims
	if err := verified.Claims(&claims); err != nil {
		return access.Login{}, refused(err)
	}
	if err := p.check(verified, claims); err != nil {
		return access.Login{}, refused(err)
	}
	return claims.login(verified), nil
}

// check looks for what package oidc is more lenient about, or leaves to others.
func (p *Provider) check(t *oidc.IDToken, c claims) error {
	soon := p.now().Add(leeway)
	switch accepted := func(audience string) bool { return slices.Contains(p.audiences, audience) }; {
	case t.Subject == "" || len(t.Subject) > maxSubject || strings.ContainsFunc(t.Subject, unicode.IsControl):
		return errors.New("it has no proper subject")
	case !slices.ContainsFunc(t.Audience, accepted):
		return fmt.Errorf("it is for %q", t.Audience)
	case len(t.Audience) > 1 && !accepted(c.AuthorizedParty):
		return fmt.Errorf("it is for %q, and azp is %q", t.Audience, c.AuthorizedParty)
	case t.IssuedAt.After(soon) || c.NotBefore != nil && c.NotBefore.After(soon):
		return errors.New("it is not valid yet")
	case c.Confirmation != nil:
		return errors.New("it is good only with a key of its holder's, of which nobody asks for a proof here")
	case c.Events != nil:
		return errors.New("it tells of an event, and signs nobody in")
	}
	return nil
}

// signature verifies that of one token. It keeps apart what cannot be verified, which
// package oidc does not tell from what is forged.
type signature struct {
	keys *keys
	down error
}

// VerifySignature implements oidc.KeySet.
func (s *signature) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	if err := checkType(parsed); err != nil {
		return nil, err
	}
	payload, err := s.keys.verify(ctx, parsed)
	switch {
	case err == nil:
		err = unambiguous(payload)
	case ctx.Err() != nil:
		s.down = ctx.Err()
	case access.IsKind(err, access.Unavailable):
		s.down = err
	}
	return payload, err
}

// checkType refuses what is signed by the same keys for other ends, such as the
// notice that somebody has signed out. Many providers leave the type out.
func checkType(t *jose.JSONWebSignature) error {
	given, found := t.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
	text, isText := given.(string)
	kind := strings.TrimPrefix(strings.ToLower(text), "application/")
	if found && (!isText || kind != "jwt" && kind != "at+jwt") {
		return fmt.Errorf("it is of type %q", given)
	}
	return nil
}
