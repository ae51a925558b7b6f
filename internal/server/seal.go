package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// lookForSeal is how often it is looked whether there is something to sign.
	lookForSeal = time.Second
	// sealAgain is how long to wait before what failed is tried again.
	sealAgain = 10 * time.Second
	// lastSeal is how long the last digest may take when the server stops.
	lastSeal = 2 * time.Second
)

// seals are what vouches for the audit.
type seals interface {
	Due() bool
	Seal(ctx context.Context) error
}

// sealed is the follower that fills the audit, with what is signed of it meanwhile.
type sealed struct {
	follower
	seals    seals
	failures prometheus.Counter
	log      *slog.Logger
}

// Run signs at the beginning what a server that died has left, and at the end all
// that the follower has recorded.
func (s sealed) Run(ctx context.Context) {
	var following sync.WaitGroup
	following.Go(func() { s.follower.Run(ctx) })
	for wait := s.seal(ctx); ; {
		select {
		case <-ctx.Done():
			following.Wait()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSeal)
			defer cancel()
			s.seal(last)
			return
		case <-time.After(wait):
			if wait = lookForSeal; s.seals.Due() {
				wait = s.seal(ctx)
			}
		}
	}
}

// seal returns how long to wait before the next look.
func (s sealed) seal(ctx context.Context) time.Duration {
	if err := s.seals.Seal(ctx); err != nil {
		s.failures.Inc()
		s.log.Warn("the audit was not signed, trying again", "error", err)
		return sealAgain
	}
	return lookForSeal
}
