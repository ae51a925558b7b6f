package sqlite

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	applicationID = 0x47415445 // GATE: marks a file as ours
	format        = 1          // what this program writes, in user_version
)

//go:embed schema.sql
var tables string

// migrations bring a file of the format before their index to that of it.
var migrations = [format]func(context.Context, *session) error{lay}

// prepare checks that the file is whole and ours, and brings it to our format.
// Until it has found so, it writes nothing.
// Errors: those of identify; a damaged or read-only file, with the cure.
func prepare(ctx context.Context, path string, w *session) error {
	version, err := identify(ctx, path, w)
	if err != nil {
		return err
	}
	if err := check(ctx, path, w); err != nil {
		return err
	}
	err = migrate(ctx, w, version)
	if is(err, codeReadOnly) {
		return fmt.Errorf("%s is read-only: make it and its directory writable for this user: %w", path, err)
	} else if err != nil {
		return fmt.Errorf("bring %s from format %d to %d: %w", path, version, format, err)
	}
	return nil
}

// identify says which format the file has; a new one has format 0.
// Errors: a foreign, damaged or newer file, with the cure.
func identify(ctx context.Context, path string, w *session) (version int, err error) {
	var id, objects int
	err = w.queryRow(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`).Scan(&id, &version, &objects)
	switch {
	case is(err, codeNotSQLite):
		return 0, fmt.Errorf("%s is not a SQLite database: name another file, or move this one away: %w", path, err)
	case is(err, codeCorrupt):
		return 0, damaged(path, err)
	case err != nil:
		return 0, fmt.Errorf("read %s: %w", path, err)
	case id == 0 && objects == 0:
		return 0, nil
	case id != applicationID:
		return 0, fmt.Errorf("%s is a database of another program: name another file, or move this one away", path)
	case version > format:
		return 0, fmt.Errorf("%s has format %d and this program reads up to %d: run the newer version that wrote it", path, version, format)
	}
	return version, whole(ctx, path, w)
}

// whole says whether the file was cut off. SQLite takes what is missing for zeros.
func whole(ctx context.Context, path string, w *session) error {
	var want int64
	if err := w.queryRow(ctx, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&want); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	file, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil // what is missing may be there
	}
	if file.Size() < want {
		return damaged(path, fmt.Errorf("%d of %d bytes are left", file.Size(), want))
	}
	return nil
}

// migrate also finds out whether the file can be written, which it would be told
// by the first write to it otherwise.
func migrate(ctx context.Context, w *session, version int) (err error) {
	if _, err := w.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = w.ExecContext(ctx, `ROLLBACK`)
		}
	}()
	for _, step := range migrations[version:] {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	_, err = w.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT`, applicationID, format))
	return err
}

// check reads all of the file. It takes about a second for 300 MB.
func check(ctx context.Context, path string, w *session) error {
	var verdict string
	if err := w.queryRow(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return damaged(path, err)
	}
	if verdict != "ok" {
		return damaged(path, errors.New(strings.ReplaceAll(verdict, "\n", ": ")))
	}
	return nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged: restore it from a backup: %w", path, err)
}

// lay makes the tables, and the revision from which a watch can see all.
func lay(ctx context.Context, w *session) error {
	if _, err := w.ExecContext(ctx, tables); err != nil {
		return err
	}
	if _, err := w.ExecContext(ctx, `INSERT INTO spicedb_datastore (unique_id, collected) VALUES (?, 0)`, uuid.NewString()); err != nil {
		return err
	}
	_, err := w.ExecContext(ctx, `INSERT INTO spicedb_revision (id, committed) VALUES (1, ?)`, time.Now().UnixMicro())
	return err
}
