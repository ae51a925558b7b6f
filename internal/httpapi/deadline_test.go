package httpapi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRequestsEnd(t *testing.T) {
	begun := func(parent context.Context) *deadline {
		return &deadline{Context: parent, at: time.Now().Add(maxTime)}
	}
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, began := begun(t.Context()), time.Now()
			inner, cancel := context.WithTimeout(d, time.Hour) // which relies on the outer one
			defer cancel()
			<-inner.Done()
			assert.Equal(t, maxTime, time.Since(began))
			assert.ErrorIs(t, d.Err(), context.DeadlineExceeded)
		})
	})
	t.Run("however late somebody looks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := begun(t.Context())
			time.Sleep(maxTime + 1)
			assert.ErrorIs(t, d.Err(), context.DeadlineExceeded)
		})
	})
	t.Run("when the client leaves", func(t *testing.T) {
		parent, leave := context.WithCancel(t.Context())
		d := begun(parent)
		leave()
		<-d.Done()
		assert.ErrorIs(t, d.Err(), context.Canceled)
	})
	t.Run("when they are answered", func(t *testing.T) {
		d := begun(t.Context())
		assert.NoError(t, d.Err())
		d.end()
		assert.ErrorIs(t, d.Err(), context.Canceled)

		unwatched := begun(t.Context())
		unwatched.end()
		<-unwatched.Done()
		assert.ErrorIs(t, unwatched.Err(), context.Canceled)
	})
}
