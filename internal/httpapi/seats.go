package httpapi

import (
	"crypto/sha256"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse/gatehouse/internal/access"
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
	taken *otter.Cache[[sha256.Size]byte, seat]
}

type seat struct {
	login  access.Login
	person access.Person
	app    presented
	until  time.Time
}

func newSeats() seats {
	return seats{otter.Must(&otter.Options[[sha256.Size]byte, seat]{MaximumSize: maxSeats})}
}

// find returns who holds a token; the token itself is not kept.
func (s seats) find(token string) (seat, bool) {
	found, ok := s.taken.GetIfPresent(sha256.Sum256([]byte(token)))
	return found, ok && time.Now().Before(found.until)
}

func (s seats) take(token string, n *notes) {
	s.taken.Set(sha256.Sum256([]byte(token)), seat{n.login, n.person, n.app, time.Now().Add(seatTime)})
}
