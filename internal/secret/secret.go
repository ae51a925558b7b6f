// Package secret makes what machines present to be recognised: a prefix that says
// whose kind it is, 256 random bits, and a checksum.
//
// Scanners of source code find one that leaked by its looks alone. SHA-256 is enough
// to keep of it, because there is nothing to guess in 256 random bits; and to look it
// up by that hash compares nothing bit by bit that anybody could time.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// The kinds of secrets.
const (
	APIKey      = "ghk_" // of a customer account
	Application = "gha_"
)

const (
	bits   = 256
	random = (bits + 5) / 6 // characters
	sum    = 1 + 8          // and these, of the checksum
	// shown is how many random characters people see of a secret in lists: 48 bits
	// fewer leave enough to guess.
	shown = 8
)

// New makes a secret of a kind.
func New(kind string) string {
	text := make([]byte, bits/8)
	_, _ = rand.Read(text) // never fails
	return seal(kind + base64.RawURLEncoding.EncodeToString(text))
}

func seal(text string) string { return fmt.Sprintf("%s_%08x", text, crc32.ChecksumIEEE([]byte(text))) }

// Hash is what is kept of a secret.
func Hash(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// Prefix is what people see of a secret of some kind in lists.
func Prefix(kind, text string) string { return text[:len(kind)+shown] }

// Is reports whether a text claims to be a secret of a kind.
func Is(kind, text string) bool { return strings.HasPrefix(text, kind) }

// Valid reports whether a text is one that New could have made: what was cut off or
// mistyped need not be looked up.
func Valid(kind, text string) bool {
	if !Is(kind, text) || len(text) != len(kind)+random+sum || seal(text[:len(kind)+random]) != text {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text[len(kind) : len(kind)+random])
	return err == nil && !strings.ContainsAny(text, "\r\n") // which the decoder passes over
}
