package httpapi

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxTime bounds how long a request may take. It is shorter than the minute after
// which an Idempotency-Key in use counts as lost.
const maxTime = 30 * time.Second

// deadline is the context of a request, which ends after maxTime. It sets its timer
// when somebody first waits for its end: most questions are answered before that, for
// less than the timer would take.
type deadline struct {
	context.Context
	at    time.Time
	set   sync.Once
	timed atomic.Pointer[timed] // nil until somebody waits
}

// timed is a deadline whose timer runs.
type timed struct {
	context.Context
	stop context.CancelFunc
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

// Err implements context.Context.
func (d *deadline) Err() error { return d.wait().Err() }

func (d *deadline) wait() context.Context {
	d.set.Do(func() {
		ctx, stop := context.WithDeadline(d.Context, d.at)
		d.timed.Store(&timed{ctx, stop})
	})
	return d.timed.Load()
}

// end stops the timer, or never sets it.
func (d *deadline) end() {
	d.set.Do(func() { d.timed.Store(ended) })
	d.timed.Load().stop()
}

// ended is what becomes of deadlines that nobody waited for.
var ended = func() *timed {
	ctx, end := context.WithCancel(context.Background())
	end()
	return &timed{ctx, end}
}()
