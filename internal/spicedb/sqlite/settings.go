package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

type settings struct {
	synchronous       string
	quantization      time.Duration
	gcWindow          time.Duration
	gcInterval        time.Duration
	watchBufferLength uint16
	watchWriteTimeout time.Duration
	openDB            func(driver.Connector) *sql.DB
}

// Option changes how a datastore is opened.
type Option func(*settings)

// SynchronousNormal trades the last commits before a power cut for speed; a
// killed process still loses nothing. The default syncs every commit.
func SynchronousNormal() Option { return func(o *settings) { o.synchronous = "NORMAL" } }

// RevisionQuantization lets reads that may be stale share one revision for as
// long as this. The default is 5 s.
func RevisionQuantization(d time.Duration) Option { return func(o *settings) { o.quantization = d } }

// GCWindow is how long a revision stays readable after its commit. The default
// is 24 h.
func GCWindow(d time.Duration) Option { return func(o *settings) { o.gcWindow = d } }

// GCInterval is how often what has left the window is deleted; never, if it is
// 0 or less. The default is 3 min.
func GCInterval(d time.Duration) Option { return func(o *settings) { o.gcInterval = d } }

// WatchBuffer is how many changes a watch holds for a consumer who is not
// reading, and how long it then waits before it disconnects him. The defaults
// are 1,024 and 1 s, also in place of a zero.
func WatchBuffer(length uint16, timeout time.Duration) Option {
	return func(o *settings) {
		if length > 0 {
			o.watchBufferLength = length
		}
		if timeout > 0 {
			o.watchWriteTimeout = timeout
		}
	}
}

// OpenDB opens what DB shares by something that does more than sql.OpenDB.
func OpenDB(open func(driver.Connector) *sql.DB) Option { return func(o *settings) { o.openDB = open } }

func newSettings(opts []Option) (settings, error) {
	o := settings{
		synchronous:       "FULL",
		quantization:      5 * time.Second,
		gcWindow:          24 * time.Hour,
		gcInterval:        3 * time.Minute,
		watchBufferLength: 1024,
		watchWriteTimeout: time.Second,
		openDB:            sql.OpenDB,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.quantization > o.gcWindow {
		return o, fmt.Errorf("a revision is shared for %s but readable for %s only: make the garbage collection window the longer", o.quantization, o.gcWindow)
	}
	return o, nil
}
