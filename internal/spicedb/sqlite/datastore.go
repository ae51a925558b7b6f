// Package sqlite is a SpiceDB datastore in one SQLite file: durable, indexed in
// both directions, and in this process.
//
// Rows carry the revisions they were created and deleted at, so a reader at one
// revision never waits for the writer, nor the writer for it. There is one
// writer at a time, and one process per file.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/authzed/spicedb/pkg/datastore"
)

// Engine is the name SpiceDB knows this datastore by.
const Engine = "sqlite"

// ErrClosed is what a closed datastore answers.
var ErrClosed = errors.New("the datastore is closed")

// live is the revision at which a row that was not deleted is deleted.
const live = 1<<63 - 1

// Datastore is an open file. It is safe for concurrent use.
type Datastore struct {
	settings settings
	uniqueID string
	lock     *lock
	remove   func() error // deletes a private database
	readers  *session
	writer   *session
	shared   *sql.DB

	slots chan struct{} // bounds the reads that run at once
	turn  chan struct{} // held by the one who writes

	head      atomic.Pointer[head]
	committed signal
	collected atomic.Uint64
	optimized optimized
	gcHasRun  atomic.Bool

	closing context.Context
	close   context.CancelFunc
	ending  sync.Mutex // nothing starts once it is closing
	running sync.WaitGroup
	closed  sync.Once
}

var (
	_ datastore.Datastore                   = (*Datastore)(nil)
	_ datastore.GarbageCollectableDatastore = (*Datastore)(nil)
	_ datastore.EngineIdentifiable          = (*Datastore)(nil)
)

// EngineName names the engine.
func (d *Datastore) EngineName() string { return Engine }

// MetricsID names the datastore in metrics.
func (d *Datastore) MetricsID() (string, error) { return Engine, nil }

// UniqueID identifies the data in the file, for as long as there is the file.
func (d *Datastore) UniqueID(context.Context) (string, error) { return d.uniqueID, nil }

// ReadyState is ready until Close.
func (d *Datastore) ReadyState(context.Context) (datastore.ReadyState, error) {
	if d.closing.Err() != nil {
		return datastore.ReadyState{Message: ErrClosed.Error()}, nil
	}
	return datastore.ReadyState{IsReady: true}, nil
}

// Features says what the engine can do.
func (d *Datastore) Features(context.Context) (*datastore.Features, error) {
	return d.OfflineFeatures()
}

// OfflineFeatures says what the engine can do.
func (d *Datastore) OfflineFeatures() (*datastore.Features, error) {
	return &datastore.Features{
		Watch:                   datastore.Feature{Status: datastore.FeatureSupported},
		ContinuousCheckpointing: datastore.Feature{Status: datastore.FeatureUnsupported, Reason: "a checkpoint follows each commit"},
		WatchEmitsImmediately:   datastore.Feature{Status: datastore.FeatureUnsupported, Reason: "changes are read once they are committed"},
		IntegrityData:           datastore.Feature{Status: datastore.FeatureUnsupported, Reason: "the file is trusted as its directory is"},
	}, nil
}

// start runs a function that Close waits for.
// Errors: ErrClosed.
func (d *Datastore) start(fn func()) error {
	d.ending.Lock()
	defer d.ending.Unlock()
	if d.closing.Err() != nil {
		return ErrClosed
	}
	d.running.Go(fn)
	return nil
}

// Close ends watches and collection, waits for the writer, and leaves the file
// to others.
func (d *Datastore) Close() error {
	var err error
	d.closed.Do(func() {
		d.ending.Lock()
		d.close()
		d.ending.Unlock()
		d.running.Wait()
		d.turn <- struct{}{} // for good
		err = errors.Join(d.shared.Close(), d.readers.close(), d.writer.close(), d.lock.release(), d.remove())
	})
	return err
}
