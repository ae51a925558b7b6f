package redisstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// TestWhatAnotherServerRenews is not answered from what is near, because a version began
// with it. Were it not so, it would be.
func TestWhatAnotherServerRenews(t *testing.T) {
	server := redistest.Start(t)
	s, other := open(t, server), open(t, server)
	attempt := newNonce()
	renewals := map[string]func(access.Reach) error{
		"mark": func(r access.Reach) error { return other.Mark(t.Context(), []access.Reach{r}, attempt, time.Minute) },
		"bump": func(r access.Reach) error {
			_, err := other.Bump(t.Context(), []access.Reach{r}, attempt)
			return err
		},
		"catch": func(r access.Reach) error { return other.Catch(t.Context(), []access.Reach{r}, "") },
	}
	for name, renew := range renewals {
		for _, reach := range kept.Reaches() {
			for fault, seeded := range map[string]bool{"": false, ", with the fault": true} {
				t.Run(name+" of "+reach.String()+fault, func(t *testing.T) {
					server.Do("FLUSHALL")
					keep(t, s)
					require.True(t, holds(t, s))
					version := s.near.heard.Load()
					require.NoError(t, renew(reach))
					if seeded {
						require.NoError(t, s.client.Set(t.Context(), version.of.version, version.name, 0).Err())
					}
					assert.Equal(t, seeded, holds(t, s))
				})
			}
		}
	}
}

// TestNearOnly has nothing of an answer in Redis but that it still holds.
func TestNearOnly(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	keep(t, s)
	i := s.servers.current.Load()
	require.NoError(t, s.client.Del(t.Context(), i.entry(kept), i.everything).Err())
	assert.True(t, holds(t, s))

	for name, key := range map[string]string{"lease": i.lease, "version": i.version} {
		t.Run("without "+name, func(t *testing.T) {
			server.Do("FLUSHALL")
			keep(t, s)
			require.NoError(t, s.client.Del(t.Context(), key, i.entry(kept)).Err())
			assert.False(t, holds(t, s))
		})
	}
}

// TestCaughtBefore: a change whose writer has bumped it, each server hears of. That
// renews nothing, and leaves near what is.
func TestCaughtBefore(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	attempt := newNonce()
	_, err := s.Bump(t.Context(), []access.Reach{access.Everything}, attempt)
	require.NoError(t, err)
	keep(t, s)
	before := s.near.heard.Load()
	require.NoError(t, s.Catch(t.Context(), []access.Reach{access.Everything}, attempt))
	require.True(t, holds(t, s))
	assert.Same(t, before, s.near.heard.Load())
}

// TestALostVersionBeginsWithAnEpoch: Redis may evict it.
func TestALostVersionBeginsWithAnEpoch(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	keep(t, s)
	before := s.near.heard.Load()
	require.NoError(t, s.client.Del(t.Context(), before.of.version).Err())
	require.True(t, holds(t, s))
	keep(t, s)
	after := s.near.heard.Load()
	assert.NotEqual(t, before.name, after.name)
}
