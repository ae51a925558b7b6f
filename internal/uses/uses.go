// Package uses remembers when keys were used, apart from the requests that use them.
package uses

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// every is how often uses are written, each key's at most once.
	every = time.Minute
	// patience is how long it may take to write the last ones when the server stops.
	patience = 2 * time.Second
)

// Keeper is where uses are written.
type Keeper interface {
	KeyUsed(ctx context.Context, keyID string, at time.Time) error
}

// Uses gathers uses, and writes them once a minute.
type Uses struct {
	keeper Keeper
	now    access.Clock
	log    *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time
}

// New gathers uses for a keeper.
func New(keeper Keeper, now access.Clock, log *slog.Logger) *Uses {
	return &Uses{keeper: keeper, now: now, log: log, last: map[string]time.Time{}}
}

// Used notes that a key is used now.
func (u *Uses) Used(keyID string) {
	at := u.now()
	u.mu.Lock()
	u.last[keyID] = at
	u.mu.Unlock()
}

// Run writes what was gathered every minute, and once more when the context ends.
func (u *Uses) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			u.write(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			u.write(ctx)
			return
		}
	}
}

// write writes what was gathered. What could not be is forgotten: the next use is noted.
func (u *Uses) write(ctx context.Context) {
	u.mu.Lock()
	last := u.last
	u.last = make(map[string]time.Time, len(last))
	u.mu.Unlock()
	for keyID, at := range last {
		if err := u.keeper.KeyUsed(ctx, keyID, at); err != nil {
			u.log.Warn("noting when keys were used failed", "error", err)
			return
		}
	}
}
