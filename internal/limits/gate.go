package limits

import (
	"context"
	"sync/atomic"
	"time"
)

// maxWait is how long somebody waits at a gate. Whoever waits longer is told to come
// back: by then there are too many.
const maxWait = time.Second

// Gate lets so many in at a time. As many again wait for their turn, and the rest are
// turned away at once, so that those who are let in are served in good time. A nil
// Gate lets everybody in.
type Gate struct {
	places  chan struct{}
	waiting atomic.Int64
}

// NewGate makes a gate. It is nil if the places are zero.
func NewGate(places int) *Gate {
	if places == 0 {
		return nil
	}
	return &Gate{places: make(chan struct{}, places)}
}

// Enter says whether the caller is let in. If so, they are to Leave.
func (g *Gate) Enter(ctx context.Context) bool {
	if g == nil {
		return true
	}
	select {
	case g.places <- struct{}{}:
		return true
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(cap(g.places)) {
		return false
	}
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case g.places <- struct{}{}:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// Leave makes place for the next.
func (g *Gate) Leave() {
	if g != nil {
		<-g.places
	}
}

// Inside is how many are.
func (g *Gate) Inside() int {
	if g == nil {
		return 0
	}
	return len(g.places)
}
