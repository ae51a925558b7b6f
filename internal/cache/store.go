package cache

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Store keeps answers, the epochs they were computed under, and the lease, where
// every replica that shares the cache sees them. What it loses costs a miss, and
// never a stale answer: nonces are random, so what is lost cannot come back.
//
// Any method may fail; whoever called goes on without the store.
type Store interface {
	// Read returns what is kept of each question. Everything is seen at one
	// moment, or the lease before all else.
	Read(ctx context.Context, keys []Key) ([]View, error)
	// Begin returns the epochs, after beginning those that are missing.
	Begin(ctx context.Context, reaches []access.Reach) ([]Epoch, error)
	// Fill keeps an answer for some time at most.
	Fill(ctx context.Context, key Key, e Entry, life time.Duration) error

	// Mark says that an attempt to write is under way, for some time at most,
	// and begins the epochs anew.
	Mark(ctx context.Context, reaches []access.Reach, attempt string, life time.Duration) error
	// Bump begins the epochs anew, takes the attempt's marks away, and notes it
	// as the last. It says how long its writer must wait until no reader can be
	// looking anywhere else.
	Bump(ctx context.Context, reaches []access.Reach, attempt string) (wait time.Duration, err error)
	// Catch bumps those of the epochs whose last attempt is another, and all of
	// them if the attempt has no name.
	Catch(ctx context.Context, reaches []access.Reach, attempt string) error

	// Now tells the time by the clock that ends the lease.
	Now(ctx context.Context) (time.Time, error)
	// Prove renews the lease until an instant. It does nothing, and says so, if
	// the store does not know how far the tailer has come: it lost something.
	Prove(ctx context.Context, until time.Time) (known bool, err error)
	// Position is how far the tailer has come; empty if that is not known.
	Position(ctx context.Context) (access.Token, error)
	SetPosition(ctx context.Context, at access.Token) error
}

// Key tells questions apart.
type Key struct {
	Resource   access.Object
	Permission string
	Subject    access.Object
	Context    string // fingerprint of what caveats are told
}

// Reaches are those whose epochs an answer depends on.
func (k Key) Reaches() [3]access.Reach {
	return [3]access.Reach{access.OfSubject(k.Subject), access.OfResource(k.Resource), access.Everything}
}

// Name is the key as text. Parts have their lengths before them, so that no two keys
// share a name.
func (k Key) Name() string {
	parts := [...]string{k.Resource.Type, k.Resource.ID, k.Permission, k.Subject.Type, k.Subject.ID, k.Context}
	length := 0
	for _, part := range parts {
		length += len(part) + len("1024:")
	}
	var name strings.Builder
	name.Grow(length)
	for _, part := range parts {
		name.WriteString(strconv.Itoa(len(part)))
		name.WriteByte(':')
		name.WriteString(part)
	}
	return name.String()
}

// View is what a store keeps of a question.
type View struct {
	Leased bool
	Entry  *Entry   // nil: none
	Epochs [3]Epoch // in the order of Key.Reaches
}

// Epoch is a time during which answers of one reach hold.
type Epoch struct {
	Nonce   string // empty: there is none
	Pending bool   // a write is under way
}

// Entry is an answer, and how long it holds.
type Entry struct {
	Allowed   bool
	Nonces    [3]string // of the epochs it was computed under
	NotAfter  time.Time
	CheckedAt access.Token
}

// clean reports whether every change is known of, and nothing is missing or under way.
func (v View) clean() bool {
	if !v.Leased {
		return false
	}
	for _, e := range v.Epochs {
		if e.Nonce == "" || e.Pending {
			return false
		}
	}
	return true
}

// Holds reports whether the entry was computed under the epochs there are, and every
// change is known of. Whether it has ended, its reader must see to.
func (v View) Holds() bool { return v.Entry != nil && v.clean() && v.Entry.Nonces == v.nonces() }

func (v View) nonces() [3]string {
	return [3]string{v.Epochs[0].Nonce, v.Epochs[1].Nonce, v.Epochs[2].Nonce}
}
