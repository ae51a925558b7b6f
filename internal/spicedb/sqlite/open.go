package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
)

// idle is how many connections of a pool stay open.
var idle = 2 * runtime.GOMAXPROCS(0)

// Open opens the file at path, creating it if need be, and holds it alone until
// Close. An empty path means InMemory. Close the datastore when done with it.
// Errors: a file that is in use, foreign, damaged, newer or read-only; each says
// what to do. Nothing is repaired, and nothing written before all is found well.
func Open(ctx context.Context, path string, opts ...Option) (_ *Datastore, err error) {
	o, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if path == "" || path == InMemory {
		return openPrivate(ctx, o)
	}
	return openFile(ctx, path, o)
}

func openFile(ctx context.Context, path string, o settings) (_ *Datastore, err error) {
	d := &Datastore{settings: o, slots: make(chan struct{}, idle), turn: make(chan struct{}, 1), remove: func() error { return nil }}
	d.closing, d.close = context.WithCancel(context.Background())
	var opened []func() error
	defer func() {
		if err != nil {
			d.close()
			for i := range opened {
				err = errors.Join(err, opened[len(opened)-1-i]())
			}
		}
	}()

	if d.lock, err = acquire(ctx, path); err != nil {
		return nil, err
	}
	opened = append(opened, d.lock.release)
	if err := create(path); err != nil {
		return nil, err
	}

	if d.writer, err = openWriter(ctx, path, o); err != nil {
		return nil, err
	}
	opened = append(opened, d.writer.close)
	if d.readers, err = openReaders(path); err != nil {
		return nil, err
	}
	opened = append(opened, d.readers.close)
	if d.shared, err = d.share(path); err != nil {
		return nil, err
	}
	opened = append(opened, d.shared.Close)

	if err := d.load(ctx); err != nil {
		return nil, err
	}
	if o.gcInterval > 0 {
		err = d.start(func() {
			_ = datastore.StartGarbageCollector(d.closing, d, o.gcInterval, o.gcWindow, time.Minute)
		})
	}
	return d, err
}

// create makes a new file for its owner alone, for it will tell of people. SQLite
// gives the files beside it the same permissions.
func create(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := vacant(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return file.Close()
}

// openWriter opens the one connection that writes, and makes sure of the file.
func openWriter(ctx context.Context, path string, o settings) (_ *session, err error) {
	pool, err := open(path, 1, url.Values{"_busy_timeout": {"10000"}})
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), pool.Close())
	}
	w := newSession(conn, pool)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := prepare(ctx, path, w); err != nil {
		return nil, err
	}
	for _, pragma := range []string{
		"journal_mode = WAL",
		"synchronous = " + o.synchronous,
		"journal_size_limit = 67108864", // or one large import would keep its log for good
		"cache_size = -16384",
		"temp_store = MEMORY",
	} {
		if _, err := conn.ExecContext(ctx, `PRAGMA `+pragma); err != nil {
			return nil, fmt.Errorf("set %s on %s: %w", pragma, path, err)
		}
	}
	return w, nil
}

// openReaders opens the pool that reads. It has no limit, for the slots limit it.
func openReaders(path string) (*session, error) {
	pool, err := open(path, 0, url.Values{
		"_busy_timeout": {"10000"},
		"_query_only":   {"on"},
		"_pragma":       {"cache_size(-4096)", "temp_store(MEMORY)"},
	})
	if err != nil {
		return nil, err
	}
	return newSession(pool, pool), nil
}

// load reads what is kept in memory.
func (d *Datastore) load(ctx context.Context) error {
	var (
		newest               head
		committed, collected int64
	)
	err := d.writer.queryRow(ctx, `SELECT unique_id, collected, id, committed, coalesce((SELECT hash FROM spicedb_schema WHERE deleted = ?), '')
		FROM spicedb_datastore, spicedb_revision ORDER BY id DESC LIMIT 1`, int64(live)).
		Scan(&d.uniqueID, &collected, &newest.revision, &committed, &newest.hash)
	if err != nil {
		return fmt.Errorf("read the newest revision: %w", err)
	}
	newest.committed = time.UnixMicro(committed)
	d.head.Store(&newest)
	d.collected.Store(uint64(collected))
	return nil
}

// OpenToRead opens the file at path for reading alone, while others may have it open
// and write. Errors: those of Copy.
func OpenToRead(ctx context.Context, path string) (_ *sql.DB, err error) {
	// SQLite would make a file that is missing.
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open %s to read: %w", path, err)
	}
	db, err := open(path, 0, url.Values{"_busy_timeout": {"10000"}, "_query_only": {"on"}})
	if err != nil {
		return nil, err
	}
	s := newSession(db, db)
	if _, err := identify(ctx, path, s); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return db, nil
}
