package redisstore

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/cache/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, server *redistest.Server) *Store {
	t.Helper()
	s := Open(server.Config(), "datastore")
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) cache.Store {
		server.Do("FLUSHALL")
		return open(t, server)
	}, func(_ *testing.T, s cache.Store) cache.Store {
		server.Do("FLUSHALL")
		return s
	})
}

// TestPromotedReplica lets a reader look, with the keys of the server before, at one
// that was promoted just now and has that one's lease, but lacks its last bump.
func TestPromotedReplica(t *testing.T) {
	t.Run("of what is far", func(t *testing.T) { promoted(t, false) })
	t.Run("of what is near", func(t *testing.T) { promoted(t, true) })
}

func promoted(t *testing.T, near bool) {
	t.Helper()
	server := redistest.Start(t)
	s := open(t, server)
	require.NoError(t, s.SetPosition(t.Context(), "here"))
	known, err := s.Prove(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.True(t, known)
	if near {
		keep(t, s)
	}
	views, err := s.Read(t.Context(), []cache.Key{kept})
	require.NoError(t, err)
	require.True(t, views[0].Leased)

	before := s.servers.current.Load()
	s.client.AddHook(promotion{s.servers})
	views, err = s.Read(t.Context(), []cache.Key{kept})
	require.NoError(t, err)
	assert.False(t, views[0].Leased, "the lease is of the server before")
	require.NotSame(t, before, s.servers.current.Load())
}

// promotion happens just as a reader's connection is made.
type promotion struct{ servers *incarnations }

func (p promotion) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p promotion) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (p promotion) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, c redis.Cmder) error {
		p.servers.adopt("another", true)
		return next(ctx, c)
	}
}

// TestNewIncarnation: a server new to this process has no lease, and lets its writers
// wait, until every lease of the one before has run out.
func TestNewIncarnation(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	wait, err := s.Bump(t.Context(), []access.Reach{access.Everything}, newNonce())
	require.NoError(t, err)
	require.Zero(t, wait)
	id := s.servers.current.Load().id

	server.Kill()
	_, err = s.Read(t.Context(), []cache.Key{{}})
	require.Error(t, err)
	server.Restart()
	require.Eventually(t, func() bool { return s.SetPosition(t.Context(), "here") == nil }, 5*time.Second, 10*time.Millisecond)
	require.NotEqual(t, id, s.servers.current.Load().id)
	wait, err = s.Bump(t.Context(), []access.Reach{access.Everything}, newNonce())
	require.NoError(t, err)
	assert.Positive(t, wait)
	assert.LessOrEqual(t, wait, cache.W)
	_, err = s.Prove(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	views, err := s.Read(t.Context(), []cache.Key{{}})
	require.NoError(t, err)
	assert.False(t, views[0].Leased, "in quarantine")
}

// TestPromotedBefore: also a store that is new itself waits for those who may be with
// the server that was replaced.
func TestPromotedBefore(t *testing.T) {
	primary := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", primary.Address()[len("127.0.0.1:"):])
	require.Eventually(t, func() bool { return primary.Do("WAIT", "1", "1000") == ":1" }, 10*time.Second, time.Millisecond)
	replica.Do("REPLICAOF", "NO", "ONE")
	wait, err := open(t, replica).Bump(t.Context(), []access.Reach{access.Everything}, newNonce())
	require.NoError(t, err)
	assert.Positive(t, wait)
}

var kept = cache.Key{Resource: access.Object{Type: access.TypeProject, ID: "r"}, Permission: "view", Subject: access.User("s")}

// lease proves for a minute that everything was seen.
func lease(t *testing.T, s *Store) {
	t.Helper()
	require.Eventually(t, func() bool { return s.SetPosition(t.Context(), "here") == nil }, 5*time.Second, 10*time.Millisecond)
	known, err := s.Prove(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.True(t, known)
}

// keep keeps an answer that holds.
func keep(t *testing.T, s *Store) {
	t.Helper()
	lease(t, s)
	reaches := kept.Reaches()
	epochs, err := s.Begin(t.Context(), reaches[:])
	require.NoError(t, err)
	require.NoError(t, s.Fill(t.Context(), kept, cache.Entry{
		Allowed: true, NotAfter: time.Now().Add(time.Minute), Nonces: [3]string{epochs[0].Nonce, epochs[1].Nonce, epochs[2].Nonce},
	}, time.Minute))
	require.True(t, holds(t, s))
}

// holds reports whether a reader would give the answer.
func holds(t *testing.T, s *Store) bool {
	t.Helper()
	views, err := s.Read(t.Context(), []cache.Key{kept})
	require.NoError(t, err)
	v := views[0]
	return v.Leased && v.Entry != nil && v.Entry.Nonces == [3]string{v.Epochs[0].Nonce, v.Epochs[1].Nonce, v.Epochs[2].Nonce}
}

// TestOlderRedis has Redis come back with what it knew before a bump, as a replica may
// that is promoted. An answer from then would hold, were its keys not of another
// incarnation (e-noprefix).
func TestOlderRedis(t *testing.T) {
	for name, seeded := range map[string]bool{"as it is": false, "with the fault": true} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s := open(t, server)
			keep(t, s)
			server.Do("SAVE")
			_, err := s.Bump(t.Context(), []access.Reach{access.OfSubject(kept.Subject)}, newNonce())
			require.NoError(t, err)
			require.False(t, holds(t, s))

			before := *s.servers.current.Load()
			server.Kill()
			server.Restart()
			lease(t, s)
			if seeded {
				before.id = s.servers.current.Load().id
				s.servers.current.Store(&before)
			}
			s.servers.now = func() time.Time { return time.Now().Add(cache.W) }
			assert.Equal(t, seeded, holds(t, s))
		})
	}
}

// TestReaderOfADemotedServer reads over a connection from before, at a server that
// was made a replica of one that has missed a bump, and took over what that one had.
func TestReaderOfADemotedServer(t *testing.T) {
	server := redistest.Start(t)
	port := func(s *redistest.Server) string { return s.Address()[len("127.0.0.1:"):] }
	next := redistest.Start(t, "--replicaof", "127.0.0.1", port(server))
	follows := func(s, other *redistest.Server) func() bool {
		return func() bool {
			own, others := s.Do("INFO", "replication"), other.Do("INFO", "replication")
			return field(own, "master_link_status") == "up" && field(own, "master_replid") == field(others, "master_replid")
		}
	}
	require.Eventually(t, follows(next, server), 10*time.Second, time.Millisecond)
	s := open(t, server)
	keep(t, s)
	require.Equal(t, ":1", server.Do("WAIT", "1", "1000"))
	next.Do("REPLICAOF", "NO", "ONE")
	_, err := s.Bump(t.Context(), []access.Reach{access.OfSubject(kept.Subject)}, newNonce())
	require.NoError(t, err)
	require.False(t, holds(t, s))
	server.Do("REPLICAOF", "127.0.0.1", port(next))
	require.Eventually(t, follows(server, next), 10*time.Second, time.Millisecond)
	assert.False(t, holds(t, s))
}

// TestDemoted: a server that is a replica by now takes no write from a connection it
// had before.
func TestDemoted(t *testing.T) {
	other, server := redistest.Start(t), redistest.Start(t)
	s := open(t, server)
	require.NoError(t, s.SetPosition(t.Context(), "here"))
	host, port := "127.0.0.1", other.Address()[len("127.0.0.1:"):]
	server.Do("REPLICAOF", host, port)
	_, err := s.Prove(t.Context(), time.Now().Add(time.Minute))
	require.Error(t, err)
	_, err = s.Bump(t.Context(), []access.Reach{access.Everything}, newNonce())
	require.Error(t, err)
	server.Do("REPLICAOF", "NO", "ONE")
	_, err = s.Bump(t.Context(), []access.Reach{access.Everything}, newNonce())
	require.Error(t, err, "it reigns again, but under another name")
}

func FuzzReadEpoch(f *testing.F) {
	f.Add("")
	f.Add(newEpoch())
	f.Add(newEpoch() + newNonce() + "1790000000000")
	f.Add(newEpoch() + newNonce() + "xxxxxxxxxxxxx")
	f.Fuzz(func(t *testing.T, value string) {
		e := readEpoch(value, time.Now())
		if e.Nonce == "" {
			assert.False(t, e.Pending)
			assert.Less(t, len(value), 2*textWidth)
		} else {
			assert.Equal(t, value[:textWidth], e.Nonce)
		}
	})
}

func FuzzReadEntry(f *testing.F) {
	f.Add("")
	f.Add(writeEntry(cache.Entry{Allowed: true, Nonces: [3]string{newNonce(), newNonce(), newNonce()}, NotAfter: time.Now(), CheckedAt: "t"}))
	f.Fuzz(func(t *testing.T, value string) {
		if e := readEntry(value); e != nil && len(value) > 0 {
			assert.Equal(t, value[0] == '1', e.Allowed)
			for _, nonce := range e.Nonces {
				assert.Len(t, nonce, textWidth)
			}
		}
	})
}
