// Package authn finds out whose login a token stands for: one of the OpenID
// providers that the server trusts vouches for it or, in dev mode, the dev issuer.
package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/gatehouse/gatehouse/internal/access"
)

// maxToken bounds what is looked at as a token, in bytes.
const maxToken = 16 << 10

// Logins recognises the tokens of every issuer that the server trusts.
type Logins struct {
	dev       *DevIssuer // nil outside dev mode
	providers map[string]*Provider
	log       *slog.Logger
}

// NewLogins trusts these providers and, unless it is nil, the dev issuer.
func NewLogins(dev *DevIssuer, providers []*Provider, log *slog.Logger) *Logins {
	l := &Logins{dev: dev, providers: map[string]*Provider{}, log: log}
	for _, p := range providers {
		l.providers[p.issuer] = p
	}
	return l
}

// Authenticate turns a token into the login it stands for. What it says of its issuer
// decides who is to vouch for it, and nothing else before they have.
// Errors: Unauthenticated (token_expired, unauthenticated), Unavailable.
func (l *Logins) Authenticate(ctx context.Context, token string) (access.Login, error) {
	login, err := l.authenticate(ctx, token)
	if access.IsKind(err, access.Unauthenticated) {
		l.log.DebugContext(ctx, "an access token was refused", "error", err)
	}
	return login, err
}

func (l *Logins) authenticate(ctx context.Context, token string) (access.Login, error) {
	if len(token) > maxToken {
		return access.Login{}, refused(errors.New("it is too long"))
	}
	issuer := claimedIssuer(token)
	if l.dev != nil && issuer == devIssuer {
		return l.dev.Authenticate(ctx, token)
	}
	if p, ok := l.providers[issuer]; ok {
		return p.authenticate(ctx, token)
	}
	return access.Login{}, refused(errors.New("it names no issuer that is trusted"))
}

// claimedIssuer reads who made a token, as anybody can write it; empty if it cannot
// be read.
func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// Run keeps the keys of every provider at hand until the context ends.
func (l *Logins) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, p := range l.providers {
		running.Go(func() { p.keys.keep(ctx, l.log) })
	}
	running.Wait()
}

// refused tells the caller nothing of why: whoever forges tokens would learn from it.
func refused(why error) error {
	return &access.Error{Kind: access.Unauthenticated, Code: "unauthenticated", Detail: "the access token is not one this server accepts", Cause: why}
}

func expired() error {
	return access.Fail(access.Unauthenticated, "token_expired", "the access token has expired")
}
