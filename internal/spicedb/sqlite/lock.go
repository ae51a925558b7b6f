package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// lock keeps other processes from a file for as long as it is held; a killed
// process gives it up. SQLite's own locks cannot: they would lock out our
// readers too. So this is an empty SQLite file beside, in a transaction that
// never ends: the locks SQLite has on every platform.
type lock struct{ db *sql.DB }

// acquire locks the file at path.
// Errors: another holder, a directory that is missing or cannot be written.
func acquire(ctx context.Context, path string) (*lock, error) {
	beside := path + ".lock"
	db, err := sql.Open("sqlite", name(beside, nil))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `BEGIN EXCLUSIVE`)
	switch {
	case err == nil:
		return &lock{db}, nil
	case is(err, codeBusy):
		err = fmt.Errorf("%s is in use: another process has it open; stop that one first, or name another file", path)
	case is(err, codeCannotOpen), is(err, codeReadOnly):
		err = fmt.Errorf("%s cannot be locked: make its directory exist and writable: %w", path, err)
	default:
		err = fmt.Errorf("lock %s: %w", beside, err)
	}
	return nil, errors.Join(err, db.Close())
}

func (l *lock) release() error { return l.db.Close() }
