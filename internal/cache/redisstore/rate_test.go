package redisstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/limits"
)

// TestServersCountTogether: what one grants, the other has not to grant any more.
func TestServersCountTogether(t *testing.T) {
	redis := redistest.Start(t)
	one, other := open(t, redis), open(t, redis)
	rate := limits.Rate{Count: 5, Per: time.Hour}
	take := func(s *Store, key string) time.Duration {
		t.Helper()
		wait, err := s.Take(t.Context(), key, rate)
		require.NoError(t, err)
		return wait
	}
	for n := range rate.Count {
		assert.Zero(t, take([]*Store{one, other}[n%2], "mailbox:ann@example.org"))
	}
	for _, s := range []*Store{one, other} {
		assert.InDelta(t, 12*time.Minute, take(s, "mailbox:ann@example.org"), float64(time.Minute), "until one is earned")
		assert.Zero(t, take(s, "mailbox:bob@example.org"))
	}
	elsewhere := Open(redis.Config(), "another")
	defer func() { require.NoError(t, elsewhere.Close()) }()
	assert.Zero(t, take(elsewhere, "mailbox:ann@example.org"), "another datastore's servers count apart")
	assert.NotContains(t, redis.Do("KEYS", "*"), "ann", "whose mailbox it is, Redis is not told")

	redis.Kill()
	_, err := one.Take(t.Context(), "mailbox:carl@example.org", rate)
	require.Error(t, err)
}
