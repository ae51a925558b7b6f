package database

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Postgres gives a process per connection, so that many cost it more than a short
// wait costs us; and connections end in time, so that they spread again over
// servers that came back.
const (
	postgresConnections = 16
	postgresLifetime    = 30 * time.Minute
)

// openPostgres leaves isolation as it is, read committed: single statements must
// do for those who write at once.
func openPostgres(ctx context.Context, url string) (*sql.DB, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("open the Postgres database: %w", err)
	}
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxLifetime(postgresLifetime)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open the Postgres database: %w", err)
	}
	return db, nil
}
