package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore"
)

const (
	claimLife  = 15 * time.Second
	claimAgain = 5 * time.Second
)

// owner keeps other embedded servers off the Redis of this one.
type owner struct {
	store     *redisstore.Store
	datastore string
	log       *slog.Logger
}

func (o *owner) claim(ctx context.Context) error { return o.store.Claim(ctx, o.datastore, claimLife) }

// Run renews the claim until the context ends.
func (o *owner) Run(ctx context.Context) {
	ticker := time.NewTicker(claimAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := o.claim(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the claim on Redis was not renewed", "error", err)
		}
	}
}
