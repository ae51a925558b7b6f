package uses_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/uses"
)

// written counts what is written of each key.
type written map[string][]time.Duration

var begin time.Time

func (w written) KeyUsed(_ context.Context, keyID string, at time.Time) error {
	w[keyID] = append(w[keyID], at.Sub(begin))
	return nil
}

// TestUses are written once a minute, however many there were, and at the end.
func TestUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin = time.Now()
		w := written{}
		u := uses.New(w, time.Now, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			u.Run(ctx)
		}()
		time.Sleep(500 * time.Millisecond) // no use falls on the minute
		for range 90 {
			u.Used("busy")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		assert.Len(t, w["busy"], 1)
		u.Used("late")
		stop()
		<-done
		assert.Equal(t, written{"busy": {59500 * time.Millisecond, 89500 * time.Millisecond}, "late": {90500 * time.Millisecond}}, w)
	})
}
