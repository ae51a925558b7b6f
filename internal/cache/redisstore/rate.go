package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"github.com/gatehouse/gatehouse/internal/limits"
)

var _ limits.Store = (*Store)(nil)

// Take implements limits.Store, in one round trip. Keys may hold addresses, which are
// nobody's business in Redis.
func (s *Store) Take(ctx context.Context, key string, r limits.Rate) (time.Duration, error) {
	sum := sha256.Sum256([]byte(key))
	got, err := s.rates.Allow(ctx, s.servers.tag+":"+hex.EncodeToString(sum[:]), redis_rate.Limit{Rate: r.Count, Burst: r.Count, Period: r.Per})
	if err != nil {
		return 0, err
	}
	return max(got.RetryAfter, 0), nil
}
