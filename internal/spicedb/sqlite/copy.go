package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Copy copies the file at from, as it is at one moment, to a new file at to, which
// is compact and synced. It takes no lock, so whoever has the file open goes on
// writing meanwhile. Once a second it tells how much is there already, in bytes.
// Errors: a file that is missing, empty, foreign, newer or damaged; one that is in
// the way; the context's; those of the file system. A copy that is not whole is
// removed.
func Copy(ctx context.Context, from, to string, heard func(bytes int64)) (bytes int64, err error) {
	if err := vacant(to); err != nil {
		return 0, err
	}
	// SQLite would make a file that is missing.
	if _, err := os.Stat(from); err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	// What has another name until it is whole is never taken for a copy.
	part, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-")
	if err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	defer func() { err = errors.Join(err, part.Close(), os.Remove(part.Name())) }()
	stop := every(time.Second, func() {
		if info, err := part.Stat(); err == nil {
			heard(info.Size())
		}
	})
	err = vacuum(ctx, from, part.Name())
	stop()
	if err != nil {
		return 0, err
	}
	info, err := part.Stat()
	if err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	if err := part.Sync(); err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	return info.Size(), Place(part.Name(), to)
}

// Place gives a closed file a second name, where a datastore will be opened.
// Errors: something is in the way there; those of the file system.
func Place(file, to string) error {
	if err := vacant(to); err != nil {
		return err
	}
	// A link, unlike a rename, replaces nothing.
	if err := os.Link(file, to); err != nil {
		return fmt.Errorf("place %s: %w", to, err)
	}
	return syncDir(filepath.Dir(to))
}

// vacant says whether a new file can be at the path. A log without its file may
// hold all that is left of it, or be taken for that of the new one.
func vacant(path string) error {
	for _, name := range []string{path, path + "-wal"} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s is in the way: move it away first: %w", name, fs.ErrExist)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func vacuum(ctx context.Context, from, into string) (err error) {
	db, err := open(from, 1, url.Values{"_busy_timeout": {"10000"}})
	if err != nil {
		return err
	}
	s := newSession(db, db)
	defer func() { err = errors.Join(err, s.close()) }()
	version, err := identify(ctx, from, s)
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("%s is empty: there is nothing to copy", from)
	}
	// A copy of damaged pages would look sound.
	if err := check(ctx, from, s); err != nil {
		return err
	}
	switch _, err := db.ExecContext(ctx, `VACUUM INTO ?`, into); {
	case is(err, codeCorrupt):
		return damaged(from, err)
	case err != nil:
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

// every calls the function now and then, until stop returns.
func every(interval time.Duration, fn func()) (stop func()) {
	ticker, done := time.NewTicker(interval), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ticker.C:
				fn()
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		running.Wait()
	}
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
