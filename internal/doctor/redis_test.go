package doctor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// cacheOnly are the options of a Redis as the cache wants it.
var cacheOnly = []string{"--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"}

func TestRedis(t *testing.T) {
	t.Parallel()
	const problem, warning = "problem ", "warning "
	for name, row := range map[string]struct {
		options []string
		want    string
	}{
		"as the cache wants it":        {nil, ""},
		"evicts anything":              {[]string{"--maxmemory-policy", "allkeys-lru"}, warning + "redis_eviction_policy"},
		"evicts what ends soonest":     {[]string{"--maxmemory-policy", "volatile-ttl"}, ""},
		"evicts nothing":               {[]string{"--maxmemory-policy", "noeviction"}, problem + "redis_eviction_policy"},
		"takes all memory":             {[]string{"--maxmemory", "0"}, warning + "redis_unbounded"},
		"keeps a copy":                 {[]string{"--save", "900", "1"}, warning + "redis_persistent"},
		"keeps a log":                  {[]string{"--appendonly", "yes"}, warning + "redis_persistent"},
		"does not tell its settings":   {[]string{"--rename-command", "CONFIG", "hidden"}, ""},
		"a replica, which has nothing": {[]string{"--replicaof", "127.0.0.1", "1"}, problem + "redis_replica"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, append(append([]string{}, cacheOnly...), row.options...)...)
			want := []string{}
			if row.want != "" {
				want = append(want, row.want+" Redis")
			}
			assert.Equal(t, want, found(examine(t, "--redis-url", "redis://"+server.Address())))
		})
	}
}

func TestRedisThatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, cacheOnly...)
	server.Do("CONFIG", "SET", "requirepass", "right")
	assert.Empty(t, found(examine(t, "--redis-url", "redis://:right@"+server.Address())))
	assert.Equal(t, []string{"problem unreachable Redis"}, found(examine(t, "--redis-url", "redis://:wrong@"+server.Address())))
}

func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	url := "redis://" + redistest.Start(t, cacheOnly...).Address()
	for by, want := range map[time.Duration][]string{
		0:          {},
		time.Hour:  {"problem clock_skew Redis"},
		-time.Hour: {"problem clock_skew Redis"},
	} {
		assert.Equal(t, want, found(examineAt(t, func() time.Time { return time.Now().Add(by) }, "--redis-url", url)), by)
	}
}

func TestWatchedRedis(t *testing.T) {
	t.Parallel()
	w := redistest.Watch(t)
	url := "redis+sentinel://" + w.Config().Addrs[0] + "/" + w.Config().Master
	for _, s := range []*redistest.Server{w.Primary, w.Replicas[0], w.Replicas[1]} {
		s.Do("CONFIG", "SET", "maxmemory", "64mb")
		s.Do("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
	}
	assert.Empty(t, found(examine(t, "--redis-url", url)))

	assert.Equal(t, []string{"warning sentinel_unreachable Redis"}, found(examine(t, "--redis-url", "redis+sentinel://"+w.Config().Addrs[0]+",127.0.0.1:1/"+w.Config().Master)))
	w.Primary.Do("CONFIG", "SET", "min-replicas-max-lag", "10")
	assert.Equal(t, []string{"problem redis_unfenced Redis"}, found(examine(t, "--redis-url", url)))
	w.Primary.Do("CONFIG", "SET", "min-replicas-max-lag", "1")
	w.Replicas[1].Do("CONFIG", "SET", "min-replicas-max-lag", "10")
	assert.Equal(t, []string{"problem redis_unfenced Redis"}, found(examine(t, "--redis-url", url)), "once it is the primary")
	w.Replicas[1].Do("CONFIG", "SET", "min-replicas-max-lag", "1")
	w.Primary.Do("CONFIG", "SET", "min-replicas-to-write", "0")
	assert.Equal(t, []string{"problem redis_unfenced Redis"}, found(examine(t, "--redis-url", "redis://"+w.Primary.Address())))
}
