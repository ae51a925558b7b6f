package redisstore

import (
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse/gatehouse/internal/cache"
)

// maxNear is how many answers are kept near at most. One takes about half a kilobyte.
const maxNear = 100_000

// near keeps in this process what was found in Redis. Whoever asks again has Redis say
// under which version it is: if that is the one an answer was found under, no epoch was
// begun anew since, and nothing else need be looked at.
type near struct {
	answers *otter.Cache[cache.Key, *found]
	heard   atomic.Pointer[version] // last; nil: none yet
}

// version names a state of all epochs of an incarnation: the scripts that begin some
// anew begin a version in the same step. Two are the same if their pointers are.
type version struct {
	of   *incarnation
	name string
}

// found is an answer, which is replaced and never changed.
type found struct {
	cache.Entry
	under atomic.Pointer[version] // the last at which its epochs were those it was computed under
}

func newNear() *near {
	return &near{answers: otter.Must(&otter.Options[cache.Key, *found]{MaximumSize: maxNear})}
}

// hear notes what Redis said its version is. It is nil if Redis has lost it.
func (n *near) hear(of *incarnation, name string) *version {
	if name == "" {
		return nil
	}
	if last := n.heard.Load(); last != nil && last.of == of && last.name == name {
		return last
	}
	v := &version{of, name}
	n.heard.Store(v)
	return v
}

// views are what was found of each question under the version, if all of it is near.
// Whether they are leased, Redis must say.
func (n *near) views(keys []cache.Key, v *version) ([]cache.View, bool) {
	views := make([]cache.View, len(keys))
	for i, k := range keys {
		f, ok := n.answers.GetIfPresent(k)
		if !ok || f.under.Load() != v {
			return nil, false
		}
		views[i].Entry = &f.Entry
		for e, nonce := range f.Nonces {
			views[i].Epochs[e].Nonce = nonce
		}
	}
	return views, true
}

// keep keeps an answer that was seen to hold under the version.
func (n *near) keep(k cache.Key, e *cache.Entry, v *version) {
	f, ok := n.answers.GetIfPresent(k)
	if !ok || f.Entry != *e {
		f = &found{Entry: *e}
		f.under.Store(v)
		n.answers.Set(k, f)
		return
	}
	f.under.Store(v)
}
