// Package database opens a Postgres database, and brings the tables of its owner up
// to date in it, or in any SQLite database.
//
// Statements that bind $1 and keep to what both understand run on either.
package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Postgres gives a process per connection, so that many cost it more than a short
// wait costs us; and connections end in time, so that they spread again over
// servers that came back.
const (
	connections = 16
	lifetime    = 30 * time.Minute
)

// Open opens the database that a postgres:// URL names. It leaves isolation as it
// is, read committed: single statements must do for those who write at once.
// Errors: those of the driver; no password is in them.
func Open(ctx context.Context, url string) (*sql.DB, error) { return OpenWith(ctx, url, sql.OpenDB) }

// OpenWith is Open by something that does more than sql.OpenDB.
func OpenWith(ctx context.Context, url string, open func(driver.Connector) *sql.DB) (*sql.DB, error) {
	connector, err := stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(url)
	if err != nil {
		return nil, fmt.Errorf("open the Postgres database: %w", err)
	}
	db := open(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxLifetime(lifetime)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		if _, unread := errors.AsType[*pgconn.ParseConfigError](err); unread { // which repeats the URL, as well as it can without its password
			err = errors.New("the URL cannot be read; it is not repeated, for it may hold a password")
		}
		return nil, fmt.Errorf("open the Postgres database: %w", err)
	}
	return db, nil
}

// Snapshot begins a transaction that only reads, all of one moment. On Postgres, and
// in a SQLite file that is open elsewhere, others go on writing meanwhile.
// Errors: those of the driver.
func Snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}
