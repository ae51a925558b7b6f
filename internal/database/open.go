// Package database opens a database, SQLite or Postgres, and brings its tables up
// to date.
//
// Statements that bind $1 and keep to what both understand run on either.
package database

import (
	"context"
	"database/sql"
	"strings"
)

// Open opens the Postgres database that a postgres:// URL names, or else the
// SQLite database in the file at path, creating it if need be; an empty path
// means InMemory.
// Errors: those of the driver; no password is in them.
func Open(ctx context.Context, path string) (*sql.DB, error) {
	if strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://") {
		return openPostgres(ctx, path)
	}
	return openSQLite(ctx, path)
}
