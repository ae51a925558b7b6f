package authn

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// What tokens of the dev issuer say of themselves.
const (
	devIssuer   = "gatehouse-dev"
	devAudience = "gatehouse"
	devTokenAge = 24 * time.Hour
)

type devClaims struct {
	jwt.RegisteredClaims
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Operator      bool   `json:"operator,omitempty"`
}

// DevIssuer makes and recognises tokens for trying Gatehouse out. Anyone with its
// key can be anybody, so a server trusts it only in dev mode.
type DevIssuer struct {
	key ed25519.PrivateKey
	now access.Clock
}

// OpenDevIssuer finds the issuer's key in a file. Without one it fails with
// fs.ErrNotExist, or makes one if it may.
func OpenDevIssuer(path string, mayCreate bool, now access.Clock) (*DevIssuer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && mayCreate {
		text, err = createDevKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the dev signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file: delete it to have a new key made", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s does not hold an Ed25519 key: delete it to have a new key made", path)
	}
	return &DevIssuer{key: key, now: now}, nil
}

// createDevKey makes the key, or finds the one that another process made meanwhile.
// Nobody sees half of one.
func createDevKey(path string) (text []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".dev-key-") // which only its owner may read
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	if err := errors.Join(pem.Encode(file, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), file.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// Token makes a token by which the owner of an e-mail signs in for a day, as an
// operator if so wanted.
func (d *DevIssuer) Token(address email.Address, operator bool) (string, error) {
	now := d.now()
	return jwt.NewWithClaims(jwt.SigningMethodEdDSA, devClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: devIssuer, Audience: jwt.ClaimStrings{devAudience}, Subject: string(address),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(devTokenAge)),
		},
		Email: string(address), EmailVerified: true, Operator: operator,
	}).SignedString(d.key)
}

// Authenticate turns a token of this issuer into the login it stands for.
// Errors: Unauthenticated (token_expired, unauthenticated).
func (d *DevIssuer) Authenticate(_ context.Context, token string) (access.Login, error) {
	var claims devClaims
	_, err := jwt.ParseWithClaims(token, &claims,
		func(*jwt.Token) (any, error) { return d.key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(devIssuer), jwt.WithAudience(devAudience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(d.now),
	)
	if errors.Is(err, jwt.ErrTokenExpired) {
		return access.Login{}, expired()
	}
	address, invalid := email.Parse(claims.Email)
	if err := errors.Join(err, invalid); err != nil || claims.Subject == "" {
		return access.Login{}, refused(err)
	}
	return access.Login{
		Issuer: claims.Issuer, Subject: claims.Subject,
		Email: address, EmailVerified: claims.EmailVerified, Operator: claims.Operator, ExpiresAt: claims.ExpiresAt.Time,
	}, nil
}
