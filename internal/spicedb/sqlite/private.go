package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// InMemory names a private database that ends with its handle.
const InMemory = ":memory:"

const (
	privateDirs = "gatehouse-private-"
	privateFile = "private.db"
)

// openPrivate keeps the database in a temporary directory of its own: SQLite's
// memory databases would make readers wait for the writer. It never syncs.
func openPrivate(ctx context.Context, o settings) (*Datastore, error) {
	sweep(ctx)
	dir, err := os.MkdirTemp("", privateDirs)
	if err != nil {
		return nil, fmt.Errorf("make a directory for a private database: %w", err)
	}
	o.synchronous = "OFF"
	d, err := openFile(ctx, filepath.Join(dir, privateFile), o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.remove = func() error { return os.RemoveAll(dir) }
	return d, nil
}

// sweep removes what killed processes left behind, for it tells of people. Failing
// at it is no reason not to start.
func sweep(ctx context.Context) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), privateDirs+"*"))
	for _, dir := range dirs {
		// A young one may be about to be locked.
		if info, err := os.Stat(dir); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if held, err := acquire(ctx, filepath.Join(dir, privateFile)); err == nil {
			_ = os.RemoveAll(dir)
			_ = held.release()
		}
	}
}
