package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
)

// Archive moves all that a directory keeps out of it, or into it.
type Archive struct {
	db  *sql.DB
	now access.Clock
}

// OpenArchive opens the directory in the database, whose tables it brings up to
// date.
// Errors: those of database.Migrate, Conflict (unfinished_import).
func OpenArchive(ctx context.Context, db *sql.DB, now access.Clock) (*Archive, error) {
	if err := prepare(ctx, db); err != nil {
		return nil, err
	}
	return &Archive{db: db, now: now}, nil
}

// Tables says who owns the tables of the directory, and their newest version that this program knows.
func Tables() (owner string, newest int64) { return "directory", database.Newest(migrations) }

// prepare brings the tables up to date, and lets nobody take what an import left
// behind for a directory.
func prepare(ctx context.Context, db *sql.DB) error {
	if err := database.Migrate(ctx, db, "directory", migrations); err != nil {
		return err
	}
	var begunAt int64
	err := db.QueryRowContext(ctx, `SELECT begun_at FROM unfinished_imports`).Scan(&begunAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return down(err)
	}
	return access.Fail(access.Conflict, "unfinished_import",
		"an import into this directory was begun at %s and has not finished. If it is not running any more, "+
			"delete the data file, or empty both databases, and import again", instant(begunAt).Format("2006-01-02 15:04:05Z07:00"))
}
