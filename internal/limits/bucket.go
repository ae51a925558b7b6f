// Package limits holds whoever asks to a rate, and keeps the server from taking on
// more at a time than it can carry.
package limits

import (
	"sync/atomic"
	"time"
)

// Rate is how often something may happen: so many times in a period on average, and
// as many at once. The zero Rate limits nothing.
type Rate struct {
	Count int
	Per   time.Duration
}

// On says whether the rate limits anything.
func (r Rate) On() bool { return r.Count > 0 }

// stricter is half of the rate, and never nothing.
func (r Rate) stricter() Rate { return Rate{max(r.Count/2, min(r.Count, 1)), r.Per} }

// interval is what one costs, as the time in which it is earned.
func (r Rate) interval() int64 { return int64(r.Per) / int64(r.Count) }

// Bucket meters one credential, person, address or mailbox, by the generic cell rate
// algorithm: it holds the moment at which all that was taken will have been earned.
// That is one word, so that a bucket needs neither a lock nor a timer.
type Bucket struct{ earned atomic.Int64 }

// began is what moments are counted from, by a clock that nobody sets back.
var began = time.Now()

// Take takes one. If there is none it takes nothing, and returns how long it will be
// until there is.
func (b *Bucket) Take(r Rate, now time.Time) (wait time.Duration) {
	if !r.On() {
		return 0
	}
	at, cost := int64(now.Sub(began)), r.interval()
	for {
		earned := b.earned.Load()
		next := max(earned, at) + cost
		if wait := next - at - int64(r.Per); wait > 0 {
			return time.Duration(wait)
		}
		if b.earned.CompareAndSwap(earned, next) {
			return 0
		}
	}
}

// Spend takes some more of what one was taken of already, whether or not they are
// there: what is missing, the next to come waits for.
func (b *Bucket) Spend(r Rate, n int, now time.Time) {
	if r.On() && n > 0 {
		b.move(now, func(earned, _ int64) int64 { return earned + int64(n)*r.interval() })
	}
}

// giveBack undoes one Take.
func (b *Bucket) giveBack(r Rate) { b.earned.Add(-r.interval()) }

// note takes one that was granted elsewhere, as far as there are any.
func (b *Bucket) note(r Rate, now time.Time) {
	b.move(now, func(earned, at int64) int64 { return min(earned+r.interval(), at+int64(r.Per)) })
}

func (b *Bucket) move(now time.Time, to func(earned, at int64) int64) {
	at := int64(now.Sub(began))
	for {
		earned := b.earned.Load()
		if b.earned.CompareAndSwap(earned, to(max(earned, at), at)) {
			return
		}
	}
}
