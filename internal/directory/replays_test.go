package directory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/directory"
)

var (
	request      = [32]byte{1, 2, 3}
	otherRequest = [32]byte{0xff}
	created      = access.Reply{Status: 201, Body: []byte("{\"name\":\"Zo\xc3\xab\"}\x00\xff")}
)

func begin(t *testing.T, d *directory.Directory, person, key string) *access.Reply {
	t.Helper()
	reply, err := d.Begin(t.Context(), person, key, request)
	require.NoError(t, err)
	return reply
}

func requireRefused(t *testing.T, d *directory.Directory, fingerprint [32]byte, kind access.Kind, code string) {
	t.Helper()
	reply, err := d.Begin(t.Context(), "ann", "key", fingerprint)
	require.True(t, access.IsKind(err, kind), "%v", err)
	require.True(t, access.HasCode(err, code), "%v", err)
	require.Nil(t, reply)
}

func TestRepetitionGetsTheFirstReply(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		require.NoError(t, d.Finish(t.Context(), "ann", "key", created))
		assert.Equal(t, &created, begin(t, d, "ann", "key"))
		requireRefused(t, d, otherRequest, access.Invalid, "idempotency_key_reused")

		require.NoError(t, d.Abandon(t.Context(), "ann", "key"))
		require.NoError(t, d.Finish(t.Context(), "ann", "key", access.Reply{Status: 500}))
		w.pass(24*time.Hour - time.Microsecond)
		assert.Equal(t, &created, begin(t, d, "ann", "key"), "a reply stays as it is for a day")
	})
}

func TestReplyWithoutBody(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		require.NoError(t, d.Finish(t.Context(), "ann", "key", access.Reply{Status: 204}))
		assert.Equal(t, &access.Reply{Status: 204}, begin(t, d, "ann", "key"))
	})
}

func TestKeysBelongToTheirPerson(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		require.NoError(t, d.Finish(t.Context(), "ann", "key", created))
		require.Nil(t, begin(t, d, "eve", "key"))
		require.Nil(t, begin(t, d, "ann", "Key"))
	})
}

func TestRunningRequestIsInProgress(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		w.pass(time.Minute - time.Microsecond)
		requireRefused(t, d, request, access.Conflict, "in_progress")
		requireRefused(t, d, otherRequest, access.Invalid, "idempotency_key_reused")
	})
}

func TestLostRequestMayBeBegunAgain(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		w.pass(time.Minute)
		requireRefused(t, d, otherRequest, access.Invalid, "idempotency_key_reused")
		require.Nil(t, begin(t, d, "ann", "key"))
		requireRefused(t, d, request, access.Conflict, "in_progress")
	})
}

func TestAbandonedRequestLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, _ *world) {
		require.Nil(t, begin(t, d, "ann", "key"))
		require.NoError(t, d.Abandon(t.Context(), "ann", "key"))
		reply, err := d.Begin(t.Context(), "ann", "key", otherRequest)
		require.NoError(t, err)
		require.Nil(t, reply)
	})
}

// A day later a key is free even if more keys expired than one Begin deletes.
func TestExpiredKeysAreForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		for i := range 100 {
			key := fmt.Sprint(i)
			require.Nil(t, begin(t, d, "ann", key))
			require.NoError(t, d.Finish(t.Context(), "ann", key, created))
		}
		w.pass(24 * time.Hour)
		reply, err := d.Begin(t.Context(), "ann", "99", otherRequest)
		require.NoError(t, err)
		require.Nil(t, reply)
	})
}

func TestParallelRequestsRunOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d *directory.Directory, w *world) {
		for range 3 { // on first use and after each loss
			replies, errs := parallel(t, func(int) (*access.Reply, error) {
				return d.Begin(t.Context(), "ann", "key", request)
			})
			begun := 0
			for run := range replies {
				assert.Nil(t, replies[run])
				if errs[run] == nil {
					begun++
					continue
				}
				assert.True(t, access.HasCode(errs[run], "in_progress"), "%v", errs[run])
			}
			assert.Equal(t, 1, begun)
			w.pass(time.Minute)
		}
	})
}
