// Package storetest says what every store of the check cache must do.
package storetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

var (
	project = access.Object{Type: access.TypeProject, ID: "gate"}
	ann     = access.OfSubject(access.User("ann"))
	entry   = cache.Key{Resource: project, Permission: "view", Subject: access.User("ann")}
)

// Run holds a store to its contract. Each call of empty makes a store that knows
// nothing; lose makes one forget all it knows.
func Run(t *testing.T, empty func(t *testing.T) cache.Store, lose func(t *testing.T, s cache.Store) cache.Store) {
	for name, test := range map[string]func(t *testing.T, s *store){
		"what is filled in is read":           filled,
		"an entry ends with its life":         entryEnds,
		"begin leaves alone what there is":    beginOnce,
		"a mark is pending and renews":        marked,
		"a mark runs out":                     markEnds,
		"a bump takes only its own mark":      overlapping,
		"catch skips only the last attempt":   caught,
		"catch without a name bumps always":   caughtNameless,
		"catch takes away a mark left behind": caughtMark,
		"what is proven needs a position":     proven,
		"the lease ends by the store's clock": leaseEnds,
		"other reaches stay as they are":      others,
		"a renewal is seen of every reach":    seen,
		"many questions are read in order":    inOrder,
		"nothing is read of nothing":          nothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, &store{empty(t), t}) })
	}
	t.Run("what is lost does not come back", func(t *testing.T) {
		s := &store{empty(t), t}
		s.lease()
		before := s.fill()
		s.Store = lose(t, s.Store)
		after := s.read()
		assert.False(t, after.Leased)
		assert.Equal(t, [3]cache.Epoch{}, after.Epochs)
		at, err := s.Position(t.Context())
		require.NoError(t, err)
		assert.Empty(t, at)
		for n, e := range s.begin() {
			assert.NotEqual(t, before.Epochs[n].Nonce, e.Nonce)
		}
	})
}

type store struct {
	cache.Store
	t *testing.T
}

func (s *store) read() cache.View {
	s.t.Helper()
	views, err := s.Read(s.t.Context(), []cache.Key{entry})
	require.NoError(s.t, err)
	return views[0]
}

func (s *store) begin() []cache.Epoch {
	s.t.Helper()
	begun, err := s.Begin(s.t.Context(), reaches(entry))
	require.NoError(s.t, err)
	return begun
}

func (s *store) fill() cache.View {
	s.t.Helper()
	var nonces [3]string
	for n, e := range s.begin() {
		nonces[n] = e.Nonce
	}
	require.NoError(s.t, s.Fill(s.t.Context(), entry, cache.Entry{Allowed: true, Nonces: nonces, NotAfter: soon(), CheckedAt: "t"}, time.Minute))
	v := s.read()
	require.NotNil(s.t, v.Entry)
	return v
}

func (s *store) lease() {
	s.t.Helper()
	require.NoError(s.t, s.SetPosition(s.t.Context(), "here"))
	now, err := s.Now(s.t.Context())
	require.NoError(s.t, err)
	known, err := s.Prove(s.t.Context(), now.Add(time.Minute))
	require.NoError(s.t, err)
	require.True(s.t, known)
}

func (s *store) mark(attempt string, life time.Duration) {
	s.t.Helper()
	require.NoError(s.t, s.Mark(s.t.Context(), reaches(entry), attempt, life))
}

func (s *store) bump(attempt string) {
	s.t.Helper()
	wait, err := s.Bump(s.t.Context(), reaches(entry), attempt)
	require.NoError(s.t, err)
	assert.Zero(s.t, wait)
}

func (s *store) catch(attempt string) {
	s.t.Helper()
	require.NoError(s.t, s.Catch(s.t.Context(), reaches(entry), attempt))
}

func soon() time.Time { return time.Now().Add(time.Hour).Truncate(time.Millisecond) }

func pending(v cache.View) [3]bool {
	return [3]bool{v.Epochs[0].Pending, v.Epochs[1].Pending, v.Epochs[2].Pending}
}

// renewed fails unless every epoch has another nonce than before.
func renewed(t *testing.T, before, after cache.View) {
	t.Helper()
	for n := range before.Epochs {
		require.NotEmpty(t, after.Epochs[n].Nonce)
		assert.NotEqual(t, before.Epochs[n].Nonce, after.Epochs[n].Nonce)
	}
}

func filled(t *testing.T, s *store) {
	for _, allowed := range []bool{true, false} {
		want := cache.Entry{Allowed: allowed, Nonces: [3]string{rand.Text(), rand.Text(), rand.Text()}, NotAfter: soon(), CheckedAt: "token"}
		require.NoError(t, s.Fill(t.Context(), entry, want, time.Minute))
		got := s.read().Entry
		require.NotNil(t, got)
		assert.True(t, want.NotAfter.Equal(got.NotAfter))
		got.NotAfter = want.NotAfter
		assert.Equal(t, want, *got)
	}
}

// entryEnds: a store that keeps an entry past its life leaves it to the reader, who
// looks at NotAfter.
func entryEnds(t *testing.T, s *store) {
	ended := time.Now().Add(-time.Millisecond)
	require.NoError(t, s.Fill(t.Context(), entry, cache.Entry{Allowed: true, Nonces: [3]string{rand.Text(), rand.Text(), rand.Text()}, NotAfter: ended}, time.Millisecond))
	if got := s.read().Entry; got != nil {
		assert.False(t, got.NotAfter.After(ended))
	}
}

func beginOnce(t *testing.T, s *store) {
	assert.Equal(t, [3]cache.Epoch{}, s.read().Epochs, "nothing has begun")
	first := s.begin()
	assert.Equal(t, first, s.begin())
	v := s.read()
	assert.Equal(t, first, v.Epochs[:])
	s.mark(rand.Text(), time.Minute)
	for _, e := range s.begin() {
		assert.True(t, e.Pending, "begin does not hide a mark")
	}
}

func marked(t *testing.T, s *store) {
	before := s.fill()
	s.mark(rand.Text(), time.Minute)
	after := s.read()
	assert.Equal(t, [3]bool{true, true, true}, pending(after))
	renewed(t, before, after)
}

func markEnds(t *testing.T, s *store) {
	before := s.fill()
	s.mark(rand.Text(), 20*time.Millisecond)
	require.Eventually(t, func() bool { return pending(s.read()) == [3]bool{} }, 5*time.Second, 5*time.Millisecond)
	renewed(t, before, s.read())
}

func overlapping(t *testing.T, s *store) {
	one, two := rand.Text(), rand.Text()
	s.mark(one, time.Minute)
	s.mark(two, time.Minute)
	between := s.read()
	s.bump(two)
	after := s.read()
	assert.Equal(t, [3]bool{true, true, true}, pending(after), "the other still writes")
	renewed(t, between, after)
	s.bump(one)
	assert.Equal(t, [3]bool{}, pending(s.read()))
	renewed(t, after, s.read())
	last := s.read()
	s.bump(one)
	renewed(t, last, s.read()) // there is no mark, and it bumps all the same
}

func caught(t *testing.T, s *store) {
	one, two := rand.Text(), rand.Text()
	s.mark(one, time.Minute)
	marked := s.read()
	s.catch(one)
	renewed(t, marked, s.read()) // it was marked only
	s.bump(one)
	bumped := s.read()
	s.catch(one)
	assert.Equal(t, bumped.Epochs, s.read().Epochs)
	s.bump(two)
	bumped = s.read()
	s.catch(one)
	renewed(t, bumped, s.read()) // another was last
}

func caughtNameless(t *testing.T, s *store) {
	s.catch("")
	before := s.read()
	s.catch("")
	renewed(t, before, s.read())
	before = s.read()
	s.catch("not as our writers name attempts")
	renewed(t, before, s.read())
}

func caughtMark(t *testing.T, s *store) {
	one, two := rand.Text(), rand.Text()
	s.mark(one, time.Minute)
	s.mark(two, time.Minute)
	s.catch(one)
	assert.Equal(t, [3]bool{true, true, true}, pending(s.read()), "the other still writes")
	s.catch(two)
	assert.Equal(t, [3]bool{}, pending(s.read()))
}

func proven(t *testing.T, s *store) {
	known, err := s.Prove(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	assert.False(t, known)
	assert.False(t, s.read().Leased)
	require.NoError(t, s.SetPosition(t.Context(), "here"))
	at, err := s.Position(t.Context())
	require.NoError(t, err)
	assert.Equal(t, access.Token("here"), at)
	assert.False(t, s.read().Leased)
	s.lease()
	assert.True(t, s.read().Leased)
}

func leaseEnds(t *testing.T, s *store) {
	s.lease()
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	_, err = s.Prove(t.Context(), now.Add(20*time.Millisecond))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !s.read().Leased }, 5*time.Second, 5*time.Millisecond)
}

func others(t *testing.T, s *store) {
	before := s.fill()
	_, err := s.Bump(t.Context(), []access.Reach{access.OfSubject(access.User("bob"))}, rand.Text())
	require.NoError(t, err)
	assert.Equal(t, before.Epochs, s.read().Epochs)
	_, err = s.Bump(t.Context(), []access.Reach{ann}, rand.Text())
	require.NoError(t, err)
	after := s.read()
	assert.NotEqual(t, before.Epochs[0], after.Epochs[0])
	assert.Equal(t, before.Epochs[1:], after.Epochs[1:])
}

// seen reads what it read before, with the lease, which is when a store may be tempted
// not to look again.
func seen(t *testing.T, s *store) {
	s.lease()
	attempt := rand.Text()
	for n, reach := range reaches(entry) {
		for _, renew := range []func() error{
			func() error { return s.Catch(t.Context(), []access.Reach{reach}, "") },
			func() error { return s.Mark(t.Context(), []access.Reach{reach}, attempt, time.Minute) },
			func() error { _, err := s.Bump(t.Context(), []access.Reach{reach}, attempt); return err },
		} {
			s.fill()
			before := s.read()
			require.Equal(t, before, s.read())
			require.NoError(t, renew())
			assert.NotEqual(t, before.Epochs[n].Nonce, s.read().Epochs[n].Nonce)
		}
	}
}

func inOrder(t *testing.T, s *store) {
	s.fill()
	other := cache.Key{Resource: project, Permission: "view", Subject: access.User("bob")}
	views, err := s.Read(t.Context(), []cache.Key{other, entry, other})
	require.NoError(t, err)
	require.Len(t, views, 3)
	assert.Nil(t, views[0].Entry)
	assert.NotNil(t, views[1].Entry)
	assert.Nil(t, views[2].Entry)
	assert.Empty(t, views[0].Epochs[0].Nonce)
	assert.Equal(t, views[1].Epochs[1:], views[0].Epochs[1:])
}

func nothing(t *testing.T, s *store) {
	views, err := s.Read(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, views)
}

func reaches(k cache.Key) []access.Reach {
	all := k.Reaches()
	return all[:]
}
