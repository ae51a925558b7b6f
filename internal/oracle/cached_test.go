package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/cache"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// cached is the check cache in front of an engine. Its lease does not end: nobody but
// its writers changes anything.
type cached struct {
	*cache.Cache
	writer func(access.Relationships) access.Relationships
	hits   int
}

func newCached(t *testing.T, e *engine) *cached {
	t.Helper()
	require.NoError(t, e.Pin(t.Context()))
	tuplesets, err := spicedb.Tuplesets(schema.Text)
	require.NoError(t, err)
	now := func() time.Time { return e.now }
	store, metrics := cache.NewMemory(now), cache.NewMetrics(now)
	require.NoError(t, store.SetPosition(t.Context(), "here"))
	_, err = store.Prove(t.Context(), noon.AddDate(1000, 0, 0))
	require.NoError(t, err)
	c := &cached{Cache: cache.New(e, store, e.directory, now, metrics)}
	c.writer = func(r access.Relationships) access.Relationships {
		return cache.NewWriter(r, store, e.directory, tuplesets, e, metrics)
	}
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// asked and lasting are how many questions the cache is asked after each step, and
// for how many steps they are the same: most answers then come from it.
const (
	asked   = 8
	lasting = 10
)

// compareCached asks the cache a few questions, over and over.
func (m *machine) compareCached(t *rapid.T, subjects, objects []string) {
	round := m.rounds / lasting
	m.rounds++
	for n := range asked {
		draw := round*asked + n // which goes through everybody, everything and every permission in the end
		name, object := subjects[draw%len(subjects)], objects[draw*5%len(objects)]
		on := m.object(object)
		permissions := m.permissions[on.Type]
		if len(permissions) == 0 {
			continue
		}
		permission := permissions[draw*7%len(permissions)]
		d, err := m.cache.Check(m.ctx, access.Check{Resource: on, Permission: permission, Subject: access.Subject{Object: m.subject(name)}})
		require.NoError(t, err)
		if d.Cached {
			m.cache.hits++
		}
		if foreseen := m.facts.may(name, permission, object); foreseen != d.Allowed {
			t.Fatalf("%s has %s on %s: the cache says %t (cached: %t), the oracle %t", name, permission, object, d.Allowed, d.Cached, foreseen)
		}
	}
}
