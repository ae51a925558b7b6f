package httpapi

import (
	"crypto/sha256"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/limits"
)

const (
	// seatTime is how long whoever asks questions is known by their token without
	// a look at it. What they may ask is looked at each time.
	seatTime = 5 * time.Second
	maxSeats = 10_000
)

// seats remember, for a moment, whose login a token stands for: to read it and to
// look its person up takes longer than to answer a check. They are for questions only;
// whoever changes something, or asks about their own profile, signs in each time.
//
// Of an application only which of its keys a token is is remembered, which never
// changes; whether that key is live is asked with each question.
type seats struct {
	taken *otter.Cache[[sha256.Size]byte, *seat]    // which are not changed any more
	good  *otter.Cache[[sha256.Size]byte, struct{}] // tokens, when they were last looked at
}

// seat is who is calling.
type seat struct {
	login     access.Login
	person    access.Person
	app       presented      // of an application, which is no person
	questions *limits.Bucket // of the token, for as long as it is remembered at all; nil: it asks none
	until     time.Time
}

// nobodys is the seat of who has not signed in.
var nobodys = new(seat)

func newSeats() seats {
	return seats{
		taken: otter.Must(&otter.Options[[sha256.Size]byte, *seat]{MaximumSize: maxSeats}),
		good:  otter.Must(&otter.Options[[sha256.Size]byte, struct{}]{MaximumSize: maxSeats}),
	}
}

// find returns who holds a token; the token itself is not kept.
func (s seats) find(token string, now time.Time) (*seat, bool) {
	found, ok := s.taken.GetIfPresent(sha256.Sum256([]byte(token)))
	return found, ok && now.Before(found.until)
}

func (s seats) take(token string, by *seat) {
	key := sha256.Sum256([]byte(token))
	if before, ok := s.taken.GetIfPresent(key); ok {
		by.questions = before.questions
	} else {
		by.questions = new(limits.Bucket)
	}
	by.until = time.Now().Add(seatTime)
	if end := by.login.ExpiresAt; !end.IsZero() && end.Before(by.until) {
		by.until = end
	}
	s.taken.Set(key, by)
}

// knows says whether a token was good when it was last looked at.
func (s seats) knows(token string) bool {
	_, ok := s.good.GetIfPresent(sha256.Sum256([]byte(token)))
	return ok
}

func (s seats) trust(token string) { s.good.Set(sha256.Sum256([]byte(token)), struct{}{}) }

func (s seats) distrust(token string) { s.good.Invalidate(sha256.Sum256([]byte(token))) }
