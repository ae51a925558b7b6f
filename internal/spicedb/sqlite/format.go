package sqlite

import (
	"context"
	_ "embed"
	"fmt"
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
var migrations = [format]func(context.Context, *session) error{create}

// prepare checks that the file is whole and ours, and brings it to our format.
// Until it has found so, it writes nothing.
// Errors: a foreign, damaged, newer or read-only file, with the cure.
func prepare(ctx context.Context, path string, w *session) error {
	var id, version, objects int
	err := w.queryRow(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`).Scan(&id, &version, &objects)
	switch {
	case is(err, codeNotSQLite):
		return fmt.Errorf("%s is not a SQLite database: name another file, or move this one away: %w", path, err)
	case is(err, codeCorrupt):
		return damaged(path, err)
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case id == 0 && objects == 0: // new
	case id != applicationID:
		return fmt.Errorf("%s is a database of another program: name another file, or move this one away", path)
	case version > format:
		return fmt.Errorf("%s has format %d and this program reads up to %d: run the newer version that wrote it", path, version, format)
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
		return damaged(path, fmt.Errorf("%s", verdict))
	}
	return nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged: restore it from a backup: %w", path, err)
}

// create makes the tables, and the revision from which a watch can see all.
func create(ctx context.Context, w *session) error {
	if _, err := w.ExecContext(ctx, tables); err != nil {
		return err
	}
	if _, err := w.ExecContext(ctx, `INSERT INTO spicedb_datastore (unique_id, collected) VALUES (?, 0)`, uuid.NewString()); err != nil {
		return err
	}
	_, err := w.ExecContext(ctx, `INSERT INTO spicedb_revision (id, committed) VALUES (1, ?)`, time.Now().UnixMicro())
	return err
}
