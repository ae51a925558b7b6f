package authn

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// claims are what a token says beside what package oidc reads. Of an e-mail address
// anything but true means that nobody has verified it.
type claims struct {
	NotBefore       *jwt.NumericDate `json:"nbf"`
	AuthorizedParty string           `json:"azp"`
	Email           string           `json:"email"`
	EmailVerified   any              `json:"email_verified"`
	GivenName       string           `json:"given_name"`
	FamilyName      string           `json:"family_name"`
	Confirmation    json.RawMessage  `json:"cnf"`
	Events          json.RawMessage  `json:"events"`
}

// readNames are the claims that anybody here reads.
var readNames = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "azp", "nonce", "at_hash", "email", "email_verified", "given_name", "family_name", "cnf", "events",
}

// unambiguous refuses claims that one reader takes for others than the next does.
// Package oidc takes "SUB" for "sub", and the last of several; where people may add claims of
// their own to their tokens, they would sign in as whom they like.
func unambiguous(payload []byte) error {
	var all map[string]jsontext.Value
	if err := strict.Unmarshal(payload, &all); err != nil { // also if a claim stands there twice
		return err
	}
	for name := range all {
		if slices.ContainsFunc(readNames, func(read string) bool { return name != read && strings.EqualFold(name, read) }) {
			return fmt.Errorf("it spells a claim %q", name)
		}
	}
	return nil
}

// login is whom the claims are about. It is never an operator by what they say.
func (c claims) login(t *oidc.IDToken) access.Login {
	l := access.Login{Issuer: t.Issuer, Subject: t.Subject, GivenName: c.GivenName, FamilyName: c.FamilyName, ExpiresAt: t.Expiry}
	if address, err := email.Parse(c.Email); err == nil {
		l.Email, l.EmailVerified = address, c.EmailVerified == true
	}
	return l
}
