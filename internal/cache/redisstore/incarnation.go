package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
)

// incarnation is one reign of one Redis: what was written during it is kept apart
// from all else, for a server that is promoted may have missed the latest of the one
// before it (rule 7). master_replid names it, which is new at every promotion and start.
type incarnation struct {
	id    string
	moved time.Time // when we saw that it replaced another; zero: there was none
	keys  string    // what every key begins with

	lease, version, position, everything string
	state                                []string // lease and version
}

func (i *incarnation) entry(k cache.Key) string { return i.key("c:", k.Name()) }

func (i *incarnation) epoch(r access.Reach) string { return i.key("e:", r.String()) }

// key is as long for a long name as for a short one.
func (i *incarnation) key(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return i.keys + kind + string(text[:])
}

// settlesIn is how long the one before may still be looked at.
func (i *incarnation) settlesIn(now time.Time) time.Duration {
	if i.moved.IsZero() {
		return 0
	}
	return max(0, i.moved.Add(cache.W).Sub(now))
}

// quarantined reports whether nothing is to be read here yet.
func (i *incarnation) quarantined(now time.Time) bool { return i.settlesIn(now) > 0 }

// incarnations learns from each new connection which one it leads to.
type incarnations struct {
	tag string // keeps all keys on one shard
	now access.Clock

	mu      sync.Mutex
	current atomic.Pointer[incarnation]
}

var errReplica = errors.New("this Redis is a replica")

// greet refuses connections to servers that are not to be written to.
func (s *incarnations) greet(ctx context.Context, conn *redis.Conn) error {
	if err := conn.Exists(ctx, s.tag).Err(); err != nil {
		if redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "CLUSTERDOWN") {
			return nil // a shard that our keys are not on
		}
		if mode, asked := conn.Info(ctx, "server").Result(); asked == nil && field(mode, "redis_mode") == "sentinel" {
			return nil // it has no keys, and only says where they are
		}
		return err
	}
	info, err := conn.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if field(info, "role") != "master" {
		return errReplica
	}
	id := field(info, "master_replid")
	if id == "" {
		return fmt.Errorf("this Redis does not name its incarnation: master_replid is missing from INFO replication")
	}
	// A server that was promoted says whose replica it was; a new one says zeros.
	promoted := strings.Trim(field(info, "master_replid2"), "0") != ""
	s.adopt(id, promoted)
	return nil
}

func (s *incarnations) adopt(id string, promoted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.current.Load()
	if before != nil && before.id == id {
		return
	}
	next := &incarnation{id: id, keys: s.tag + ":3:" + id + ":"} // 3 is the format of keys and values
	next.lease, next.version, next.position = next.keys+"lease", next.keys+"version", next.keys+"position"
	next.state, next.everything = []string{next.lease, next.version}, next.epoch(access.Everything)
	if before != nil || promoted {
		next.moved = s.now()
	}
	s.current.Store(next)
}

// field finds a field of what INFO says.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && key == name {
			return value
		}
	}
	return ""
}
