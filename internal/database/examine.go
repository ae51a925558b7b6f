package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Newest is the version that Migrate brings tables to.
func Newest(files fs.FS, steps ...Step) (newest int64) {
	names, _ := fs.Glob(files, "migrations/*.sql") // fails only for a malformed pattern
	for _, name := range names {
		if version, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, version)
		}
	}
	for _, step := range steps {
		newest = max(newest, step.Version)
	}
	return newest
}

// Version is the version that the owner's tables have; 0: there are none yet. It
// changes nothing, in which it is unlike goose. Errors: those of the driver.
func Version(ctx context.Context, db *sql.DB, owner string) (version int64, err error) {
	table := owner + "_migrations"
	tables := `SELECT count(*) FROM sqlite_schema WHERE name = $1`
	if _, postgres := db.Driver().(*stdlib.Driver); postgres {
		tables = `SELECT count(*) FROM pg_tables WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))`
	}
	var there int
	if err := db.QueryRowContext(ctx, tables, table).Scan(&there); err != nil || there == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+table).Scan(&version)
	return version, err
}

// Now is the time by the clock of a Postgres. Errors: those of the driver.
func Now(ctx context.Context, db *sql.DB) (at time.Time, err error) {
	err = db.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&at)
	return at, err
}

// KeepsCommitTimes reports whether a Postgres notes when it commits what, by which
// SpiceDB tells changes. CockroachDB knows without being told to.
// Errors: those of the driver.
func KeepsCommitTimes(ctx context.Context, db *sql.DB) (bool, error) {
	var setting sql.NullString
	err := db.QueryRowContext(ctx, `SELECT max(setting) FROM pg_settings WHERE name = 'track_commit_timestamp'`).Scan(&setting)
	if err != nil {
		return false, fmt.Errorf("read track_commit_timestamp: %w", err)
	}
	return !setting.Valid || setting.String == "on", nil
}
