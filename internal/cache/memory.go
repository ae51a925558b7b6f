package cache

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse/gatehouse/internal/access"
)

// How much is kept at most. An entry takes about half a kilobyte.
const (
	maxEntries = 200_000
	maxEpochs  = 400_000
)

// Memory is a store within this process, for a server that shares it with none.
type Memory struct {
	now     access.Clock
	entries *otter.Cache[Key, *kept]
	epochs  *otter.Cache[access.Reach, epoch]
	renewed atomic.Int64 // how often epochs were, from 1
	lease   atomic.Pointer[time.Time]

	mu       sync.Mutex
	position access.Token
}

var _ Store = (*Memory)(nil)

// kept is an entry, which is replaced and never changed.
type kept struct {
	Entry
	// How often epochs had been renewed when this one's were last seen to be those it
	// was computed under. As long as none is, there is no need to look at them again.
	seen atomic.Int64
}

// epoch is replaced as a whole, never changed.
type epoch struct {
	nonce string
	last  string // the attempt that was done last
	marks []mark
}

type mark struct {
	attempt string
	until   time.Time
}

// NewMemory makes an empty store.
func NewMemory(now access.Clock) *Memory {
	m := &Memory{
		now:     now,
		entries: otter.Must(&otter.Options[Key, *kept]{MaximumSize: maxEntries}),
		epochs:  otter.Must(&otter.Options[access.Reach, epoch]{MaximumSize: maxEpochs}),
	}
	m.renewed.Store(1)
	return m
}

// Read implements Store.
func (m *Memory) Read(_ context.Context, keys []Key) ([]View, error) {
	now := m.now()
	until := m.lease.Load()
	leased := until != nil && now.Before(*until)
	renewed := m.renewed.Load() // before any epoch is looked at
	views := make([]View, len(keys))
	for i, k := range keys {
		v := &views[i]
		v.Leased = leased
		e, found := m.entries.GetIfPresent(k)
		if found {
			v.Entry = &e.Entry
			if e.seen.Load() == renewed {
				v.Epochs = [3]Epoch{{Nonce: e.Nonces[0]}, {Nonce: e.Nonces[1]}, {Nonce: e.Nonces[2]}}
				continue
			}
		}
		for n, reach := range k.Reaches() {
			v.Epochs[n] = m.epoch(reach, now)
		}
		if found && v.Holds() {
			e.seen.Store(renewed)
		}
	}
	return views, nil
}

func (m *Memory) epoch(r access.Reach, now time.Time) Epoch {
	e, _ := m.epochs.GetIfPresent(r)
	return e.seen(now)
}

func (e epoch) seen(now time.Time) Epoch {
	return Epoch{Nonce: e.nonce, Pending: slices.ContainsFunc(e.marks, func(m mark) bool { return now.Before(m.until) })}
}

// Begin implements Store.
func (m *Memory) Begin(_ context.Context, reaches []access.Reach) ([]Epoch, error) {
	now, begun := m.now(), make([]Epoch, len(reaches))
	for i, reach := range reaches {
		e, _ := m.epochs.Compute(reach, func(old epoch, found bool) (epoch, otter.ComputeOp) {
			if found {
				return old, otter.CancelOp
			}
			return epoch{nonce: rand.Text()}, otter.WriteOp
		})
		begun[i] = e.seen(now)
	}
	return begun, nil
}

// Fill implements Store.
func (m *Memory) Fill(_ context.Context, key Key, e Entry, _ time.Duration) error {
	m.entries.Set(key, &kept{Entry: e})
	return nil
}

// renew replaces epochs, and says so before it returns.
func (m *Memory) renew(reaches []access.Reach, next func(old epoch) (epoch, bool)) {
	defer m.renewed.Add(1)
	for _, reach := range reaches {
		m.epochs.Compute(reach, func(old epoch, _ bool) (epoch, otter.ComputeOp) {
			e, renewed := next(old)
			if !renewed {
				return old, otter.CancelOp
			}
			e.nonce = rand.Text()
			return e, otter.WriteOp
		})
	}
}

// Mark implements Store.
func (m *Memory) Mark(_ context.Context, reaches []access.Reach, attempt string, life time.Duration) error {
	now := m.now()
	m.renew(reaches, func(old epoch) (epoch, bool) {
		return epoch{marks: append(old.without(attempt, now), mark{attempt, now.Add(life)})}, true
	})
	return nil
}

// without are the marks of others that have not run out.
func (e epoch) without(attempt string, now time.Time) []mark {
	var rest []mark
	for _, m := range e.marks {
		if m.attempt != attempt && now.Before(m.until) {
			rest = append(rest, m)
		}
	}
	return rest
}

// Bump implements Store.
func (m *Memory) Bump(_ context.Context, reaches []access.Reach, attempt string) (time.Duration, error) {
	now := m.now()
	m.renew(reaches, func(old epoch) (epoch, bool) {
		return epoch{last: attempt, marks: old.without(attempt, now)}, true
	})
	return 0, nil
}

// Catch implements Store.
func (m *Memory) Catch(_ context.Context, reaches []access.Reach, attempt string) error {
	now := m.now()
	m.renew(reaches, func(old epoch) (epoch, bool) {
		return epoch{last: attempt, marks: old.without(attempt, now)}, attempt == "" || old.last != attempt
	})
	return nil
}

// Now implements Store.
func (m *Memory) Now(context.Context) (time.Time, error) { return m.now(), nil }

// Prove implements Store.
func (m *Memory) Prove(ctx context.Context, until time.Time) (bool, error) {
	at, err := m.Position(ctx)
	if err != nil || at == "" {
		return false, err
	}
	m.lease.Store(&until)
	return true, nil
}

// Position implements Store.
func (m *Memory) Position(context.Context) (access.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position, nil
}

// SetPosition implements Store.
func (m *Memory) SetPosition(_ context.Context, at access.Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.position = at
	return nil
}
