package operations_test

import (
	"context"
	"slices"
	"sync"

	"github.com/gatehouse/gatehouse/internal/access"
)

// recorder passes everything on to SpiceDB, and remembers what was committed and
// on which grounds.
type recorder struct {
	access.Relationships
	before func(access.Write) // runs ahead of every commit, if set

	mu        sync.Mutex
	committed []access.Write
	grounds   map[access.Precondition]access.Check
}

func (r *recorder) Write(ctx context.Context, w access.Write) (access.Token, error) {
	if r.before != nil {
		r.before(w)
	}
	at, err := r.Relationships.Write(ctx, w)
	if err == nil && len(w.Updates) > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.committed = append(r.committed, w)
	}
	return at, err
}

func (r *recorder) Grounds(ctx context.Context, c access.Check) (bool, []access.Precondition, error) {
	allowed, grounds, err := r.Relationships.Grounds(ctx, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.grounds == nil {
		r.grounds = map[access.Precondition]access.Check{}
	}
	for _, g := range grounds {
		r.grounds[g] = c
	}
	return allowed, grounds, err
}

// writes are those committed so far.
func (r *recorder) writes() []access.Write {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.committed)
}

// forget starts the record anew.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed, r.grounds = nil, nil
}
