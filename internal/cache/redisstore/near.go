package redisstore

import (
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse/gatehouse/internal/cache"
)

const (
	// maxNear is how many answers are kept near at most. One takes about half a kilobyte.
	maxNear = 100_000
	// maxNearID bounds the ids of those, in bytes: somebody could make up long ones.
	maxNearID = 256
)

// near keeps in this process what was found in Redis. Whoever asks again has Redis say
// under which version it is: if that is the one an answer was found under, no epoch was
// begun anew since, and nothing else need be looked at.
type near struct {
	answers *otter.Cache[cache.Key, *found]
	heard   atomic.Pointer[version] // last; nil: none yet
}

// version names a state of all epochs of an incarnation: the scripts that begin some
// anew begin a version in the same step.
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

// last is the version heard of last, nil if it is of another incarnation.
func (n *near) last(of *incarnation) *version {
	if v := n.heard.Load(); v != nil && v.of == of {
		return v
	}
	return nil
}

// hear notes what Redis said its version is. It is nil if Redis has lost it.
func (n *near) hear(of *incarnation, name string) *version {
	if name == "" {
		return nil
	}
	if v := n.last(of); v != nil && v.name == name {
		return v
	}
	v := &version{of, name}
	n.heard.Store(v)
	return v
}

// find fills in the views of those questions whose answers were found under the version,
// all but whether they are leased. It returns which are far.
func (n *near) find(keys []cache.Key, v *version, views []cache.View) (far []int) {
	for i, k := range keys {
		f, ok := n.answers.GetIfPresent(k)
		if !ok || v == nil || *f.under.Load() != *v {
			far = append(far, i)
			continue
		}
		views[i].Entry = &f.Entry
		for e, nonce := range f.Nonces {
			views[i].Epochs[e].Nonce = nonce
		}
	}
	return far
}

// keep keeps an answer that was seen to hold under the version.
func (n *near) keep(k cache.Key, e *cache.Entry, v *version) {
	if len(k.Resource.ID) > maxNearID || len(k.Subject.ID) > maxNearID {
		return
	}
	f, ok := n.answers.GetIfPresent(k)
	if !ok || f.Entry != *e {
		f = &found{Entry: *e}
		f.under.Store(v)
		n.answers.Set(k, f)
		return
	}
	f.under.Store(v)
}
