package limits

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
)

// maxKeys bounds how many are metered at a time by one limiter. Of more, those who
// come least often are forgotten, and begin anew.
const maxKeys = 50_000

// Store meters for several servers together.
type Store interface {
	// Take is as that of a Bucket with this key. It fails if the store cannot be asked.
	Take(ctx context.Context, key string, r Rate) (wait time.Duration, err error)
}

// Limiter holds each key to a rate. A nil Limiter limits nothing.
type Limiter struct {
	name    string
	rate    Rate
	here    Rate // what is granted without asking the store
	store   Store
	now     func() time.Time
	buckets *otter.Cache[string, *Bucket]
}

// New makes a limiter of this process. It is nil if the rate limits nothing.
func New(name string, r Rate, now func() time.Time) *Limiter {
	if !r.On() {
		return nil
	}
	return &Limiter{name: name, rate: r, here: r, now: now, buckets: otter.Must(&otter.Options[string, *Bucket]{MaximumSize: maxKeys})}
}

// NewShared makes a limiter that meters in a store. While the store cannot be asked,
// each server meters by itself and grants half: it does not know what others grant.
// A nil store is that of a server that is alone.
func NewShared(name string, r Rate, store Store, now func() time.Time) *Limiter {
	l := New(name, r, now)
	if l != nil && store != nil {
		l.store, l.here = store, r.stricter()
	}
	return l
}

// Take takes one of the key's. If there is none, it returns how long it will be until
// there is.
func (l *Limiter) Take(ctx context.Context, key string) (wait time.Duration) {
	if l == nil {
		return 0
	}
	if l.store == nil {
		return l.bucket(key).Take(l.here, l.now())
	}
	wait, err := l.store.Take(ctx, l.name+":"+key, l.rate)
	switch {
	case err != nil:
		return l.bucket(key).Take(l.here, l.now())
	case wait == 0:
		l.bucket(key).note(l.here, l.now()) // so that nobody begins anew when the store goes down
	}
	return wait
}

// GiveBack undoes a Take of a limiter of this process.
func (l *Limiter) GiveBack(key string) {
	if l != nil {
		l.bucket(key).giveBack(l.here)
	}
}

func (l *Limiter) bucket(key string) *Bucket {
	found, _ := l.buckets.ComputeIfAbsent(key, func() (*Bucket, bool) { return new(Bucket), false })
	return found
}
