package database

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver
)

// InMemory is the path of a private database that lives as long as its handle.
const InMemory = ":memory:"

// connections to a file. SQLite has one writer at a time, and those that wait
// poll for their turn: more connections would mean less work done.
const connections = 8

// openSQLite opens a file in which what is committed survives a power cut.
// Transactions take the write lock when they begin, so that none fails halfway for
// having read first.
func openSQLite(ctx context.Context, path string) (*sql.DB, error) {
	inMemory := path == "" || path == InMemory
	name := "file:" + InMemory
	if !inMemory {
		name = (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String()
	}
	db, err := sql.Open("sqlite", name+"?"+url.Values{
		"_busy_timeout": {"10000"},
		"_foreign_keys": {"on"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_txlock":       {"immediate"},
	}.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// In memory the connection is the database, so there must be just one.
	limit := connections
	if inMemory {
		limit = 1
	}
	db.SetMaxOpenConns(limit)
	db.SetMaxIdleConns(limit)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open database %q: %w", path, err)
	}
	return db, nil
}
