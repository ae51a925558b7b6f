package redisstore

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// TestReadersOfAHangingRedisGoAtOnce: each of these fills a round trip of its own, and
// none waits for those before it to be let down.
func TestReadersOfAHangingRedisGoAtOnce(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	require.NoError(t, s.Ping(t.Context()))
	keys := make([]string, maxBatch)
	for n := range keys {
		keys[n] = "key:" + strconv.Itoa(n)
	}
	server.Pause()
	defer server.Resume()

	const readers = 60
	began := time.Now()
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			_, err := s.batch.get(t.Context(), keys)
			assert.Error(t, err)
		})
	}
	reading.Wait()
	assert.Less(t, time.Since(began), readers*patience/3, "one after the other")
}

// TestReadersShareARoundTrip: whatever they have in common, each gets its own values.
func TestReadersShareARoundTrip(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server)
	server.Do("SET", "both", "b")
	server.Do("SET", "own", "o")
	all := []*ask{
		{keys: []string{"both", "none", "own"}, told: make(chan struct{})},
		{keys: []string{"both", "both"}, told: make(chan struct{})},
		{keys: nil, told: make(chan struct{})},
	}
	keys, _ := distinct(all)
	assert.Equal(t, []string{"both", "none", "own"}, keys)
	require.NoError(t, s.batch.answer(all))
	assert.Equal(t, []string{"b", "", "o"}, all[0].values)
	assert.Equal(t, []string{"b", "b"}, all[1].values)
	assert.Empty(t, all[2].values)
}

// TestWhoWaitsTooLongIsLetGo: a reader who has lost patience before its turn is told so,
// and costs those after it nothing.
func TestWhoWaitsTooLongIsLetGo(t *testing.T) {
	late := &ask{since: time.Now().Add(-2 * patience), keys: []string{"a"}, told: make(chan struct{})}
	b := &batcher{asked: make(chan *ask)}
	assert.Empty(t, b.gather(late))
	<-late.told
	require.ErrorIs(t, late.err, errLate)
	require.NoError(t, b.answer(nil))

	timely := &ask{since: time.Now(), keys: []string{"a"}, told: make(chan struct{})}
	assert.Equal(t, []*ask{timely}, b.gather(timely))
}

// TestNobodyIsForgotten fills batches to the brim, from more readers than fit one.
func TestNobodyIsForgotten(t *testing.T) {
	s := open(t, redistest.Start(t))
	keys := make([]string, maxBatch/2)
	for n := range keys {
		keys[n] = "key:" + strconv.Itoa(n)
	}
	var reading sync.WaitGroup
	for range 9 {
		reading.Go(func() { _, _ = s.batch.get(t.Context(), keys) })
	}
	reading.Wait()
}
