package httpapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/access"
)

func TestNobodyIsKnownLongerThanTheirTokenLives(t *testing.T) {
	s := newSeats()
	for name, c := range map[string]struct {
		ends  time.Time
		known bool
	}{
		"no end":      {time.Time{}, true},
		"a late end":  {time.Now().Add(time.Hour), true},
		"an end past": {time.Now().Add(-time.Nanosecond), false},
	} {
		s.take(name, &seat{login: access.Login{Subject: name, ExpiresAt: c.ends}})
		found, ok := s.find(name, time.Now())
		assert.Equal(t, c.known, ok, name)
		assert.Equal(t, name, found.login.Subject)
	}
	_, ok := s.find("another", time.Now())
	assert.False(t, ok)
}
