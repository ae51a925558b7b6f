package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore"
	"github.com/gatehouse/gatehouse/internal/config"
)

// redis looks at the Redis that answers are kept in: see docs/cache.md.
func redis(ctx context.Context, e *examination) {
	where, err := config.ParseRedis(e.RedisURL)
	if err != nil {
		return // validated
	}
	if where.Master != "" {
		e.sentinels(ctx, where)
	}
	if err := redisstore.Visit(ctx, where, func(ctx context.Context, s redisstore.Server) error {
		return e.server(ctx, where, s)
	}); err != nil {
		e.problem("unreachable", "start the Redis that --redis-url names, or correct user, password and addresses there", "every check is computed, and every write waits: %v", err)
	}
}

func (e *examination) sentinels(ctx context.Context, where config.Redis) {
	masters, err := redisstore.Masters(ctx, where)
	if err != nil {
		e.warning("sentinel_unreachable", "start it, or take it out of --redis-url", "a failover may not be noticed: %v", err)
	}
	var said []string
	for sentinel, master := range masters {
		said = append(said, sentinel+" says "+master)
	}
	slices.Sort(said)
	for i := range said {
		if i > 0 && !strings.HasSuffix(said[i], said[0][strings.Index(said[0], " says "):]) {
			e.problem("sentinels_disagree", "let all Sentinels watch one group: SENTINEL RESET on those that are behind", "the Sentinels name different masters: %s", strings.Join(said, ", "))
			return
		}
	}
}

// server looks at one that takes, or should take, writes.
func (e *examination) server(ctx context.Context, where config.Redis, s redisstore.Server) error {
	replication, err := s.Info(ctx, "replication")
	if err != nil {
		return err
	}
	if role := replication("role"); role != "master" {
		e.problem("redis_replica", "name the primary in --redis-url, or its Sentinels (redis+sentinel://)", "Redis at %s is a replica, which takes no writes", s.Address())
	}
	if replication("master_replid") == "" {
		e.problem("redis_nameless", "use Redis 6 or later, or a Valkey, without a proxy between", "Redis at %s does not name its incarnation: what a failover lost could not be told", s.Address())
	}
	if where.Master != "" || replication("connected_slaves") != "0" {
		e.fence(ctx, s)
		e.inquire(redisstore.VisitReplicas(ctx, where, s, func(ctx context.Context, s redisstore.Server) error {
			e.fence(ctx, s) // which it needs once it is the primary
			return nil
		}))
	}
	e.inquire(e.clock(ctx, "Redis at "+s.Address(), 0, s.Now))
	e.keeping(ctx, s)
	return e.memory(ctx, s)
}

// fence looks at whether a primary that was replaced stops taking writes in time (rule 7).
func (e *examination) fence(ctx context.Context, s redisstore.Server) {
	const cure = "CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 1 on every server, in its configuration file too"
	atLeast, known := s.Setting(ctx, "min-replicas-to-write")
	lag, knownLag := s.Setting(ctx, "min-replicas-max-lag")
	switch {
	case !known || !knownLag:
		e.unexamined("redis_fence_unknown", "make sure of min-replicas-to-write 1 and min-replicas-max-lag 1 where that Redis is configured",
			"Redis at %s has replicas and does not tell its settings (CONFIG)", s.Address())
	case atLeast == "0" || lag != "1":
		e.problem("redis_unfenced", cure, "Redis at %s has min-replicas-to-write %s and min-replicas-max-lag %s: a primary that was replaced could take writes for longer than a failover is waited out",
			s.Address(), atLeast, lag)
	}
}

// memory looks at what happens when Redis is full.
func (e *examination) memory(ctx context.Context, s redisstore.Server) error {
	memory, err := s.Info(ctx, "memory")
	if err != nil {
		return err
	}
	const cure = "CONFIG SET maxmemory-policy volatile-lru, in its configuration file too"
	switch limit, policy := memory("maxmemory"), memory("maxmemory_policy"); {
	case limit == "0":
		e.warning("redis_unbounded", "CONFIG SET maxmemory 256mb and maxmemory-policy volatile-lru, in its configuration file too",
			"Redis at %s takes memory until the machine has none", s.Address())
	case policy == "noeviction":
		e.problem("redis_eviction_policy", cure, "Redis at %s refuses writes once it is full (noeviction): nothing is cached then, and every write waits for two seconds", s.Address())
	case !strings.HasPrefix(policy, "volatile-"):
		e.warning("redis_eviction_policy", cure, "Redis at %s evicts whatever it likes (%s), the place in the changes too, which empties the cache", s.Address(), policy)
	}
	return nil
}

// keeping looks for a copy on disk, which the cache has no use for.
func (e *examination) keeping(ctx context.Context, s redisstore.Server) {
	saves, _ := s.Setting(ctx, "save")
	appends, _ := s.Setting(ctx, "appendonly")
	if saves != "" || appends == "yes" {
		e.warning("redis_persistent", `CONFIG SET save "" and appendonly no, in its configuration file too, unless others need the copy`,
			"Redis at %s keeps a copy on disk, which the cache has no use for; when that disk is full, Redis refuses writes", s.Address())
	}
}
