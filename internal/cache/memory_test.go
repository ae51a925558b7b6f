package cache_test

import (
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/cache/storetest"
)

func TestMemory(t *testing.T) {
	empty := func(*testing.T) cache.Store { return cache.NewMemory(time.Now) }
	storetest.Run(t, empty, func(t *testing.T, _ cache.Store) cache.Store { return empty(t) })
}
