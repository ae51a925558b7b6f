package redisstore

import (
	"crypto/rand"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

// Nonces and attempts are texts of this many letters (130 random bits); an instant
// is a Unix time in milliseconds of 13 digits, which they have until 2286.
const (
	textWidth    = 26
	instantWidth = 13
	markWidth    = textWidth + instantWidth
)

var nobody = strings.Repeat("-", textWidth)

func newNonce() string { return rand.Text() }

func newEpoch() string { return newNonce() + nobody }

var attemptPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// named is an attempt as our writers name them; others' have no name.
func named(attempt string) string {
	if attemptPattern.MatchString(attempt) {
		return attempt
	}
	return ""
}

func pad(attempt string) string {
	if attempt == "" {
		return nobody
	}
	return attempt
}

// readEpoch reads what a script wrote. What is none is missing.
func readEpoch(value string, now time.Time) cache.Epoch {
	if len(value) < 2*textWidth {
		return cache.Epoch{}
	}
	e := cache.Epoch{Nonce: value[:textWidth]}
	for marks := value[2*textWidth:]; len(marks) >= markWidth; marks = marks[markWidth:] {
		until, err := strconv.ParseInt(marks[textWidth:markWidth], 10, 64)
		if err != nil || now.UnixMilli() < until {
			e.Pending = true
		}
	}
	return e
}

func writeEntry(e cache.Entry) string {
	decision := "0"
	if e.Allowed {
		decision = "1"
	}
	return decision + e.Nonces[0] + e.Nonces[1] + e.Nonces[2] +
		strconv.FormatInt(e.NotAfter.UnixMilli(), 10) + string(e.CheckedAt)
}

// readEntry reads what writeEntry wrote. What is none is missing.
func readEntry(value string) *cache.Entry {
	const fixed = 1 + 3*textWidth + instantWidth
	if len(value) < fixed {
		return nil
	}
	notAfter, err := strconv.ParseInt(value[fixed-instantWidth:fixed], 10, 64)
	if err != nil {
		return nil
	}
	e := &cache.Entry{
		Allowed: value[0] == '1', NotAfter: time.UnixMilli(notAfter), CheckedAt: access.Token(value[fixed:]),
	}
	for n := range e.Nonces {
		e.Nonces[n] = value[1+n*textWidth:][:textWidth]
	}
	return e
}
