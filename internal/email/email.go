// Package email reads e-mail addresses into the one form in which they are
// compared, stored and mailed to.
package email

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Address is an e-mail address in canonical form: lower-case ASCII, the domain
// in its IDNA ASCII form. Two addresses are the same mailbox iff they are equal.
type Address string

// ErrMalformed is returned for anything that is not a plain mailbox address.
var ErrMalformed = errors.New("not an e-mail address")

// Lengths as SMTP limits them (RFC 5321 §4.5.3.1).
const (
	maxAddress = 254
	maxLocal   = 64
)

// domains reads a domain as browsers do, and minds the lengths DNS allows.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// Parse accepts the addr-spec people type: no display name, no comments, no
// quoted local part, no address literal. The local part must be ASCII, because
// look-alike letters would otherwise name a stranger's mailbox that reads like a
// friend's; a domain label must not mix scripts for the same reason.
// Errors: ErrMalformed.
func Parse(s string) (Address, error) {
	if len(s) > maxAddress {
		return "", ErrMalformed
	}
	local, domain, ok := strings.Cut(strings.Trim(s, " "), "@")
	if !ok || !validLocal(local) {
		return "", ErrMalformed
	}
	domain, err := domains.ToASCII(domain)
	if err != nil || !validDomain(domain) {
		return "", ErrMalformed
	}
	address := Address(strings.ToLower(local) + "@" + domain)
	if len(address) > maxAddress {
		return "", ErrMalformed
	}
	return address, nil
}

// validDomain accepts an ASCII domain below some top-level domain. An IPv4 address
// ends in a number, which no top-level domain begins with.
func validDomain(ascii string) bool {
	readable, err := domains.ToUnicode(ascii)
	labels := strings.Split(readable, ".")
	top := labels[len(labels)-1]
	return err == nil && len(labels) > 1 && top != "" && strings.IndexFunc(top, unicode.IsDigit) != 0 &&
		!slices.ContainsFunc(labels, mixesScripts)
}

// validLocal accepts a dot-atom of RFC 5322.
func validLocal(local string) bool {
	if local == "" || len(local) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
			if !letter && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		}
	}
	return true
}

// scripts are those whose letters are mistaken for one another.
var scripts = []*unicode.RangeTable{
	unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Georgian,
}

func mixesScripts(label string) bool {
	seen := 0
	for _, script := range scripts {
		if strings.ContainsFunc(label, func(r rune) bool { return unicode.Is(script, r) }) {
			seen++
		}
	}
	return seen > 1
}
