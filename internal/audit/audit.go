// Package audit keeps who changed what: one event for each committed change that
// Watch tells of, whoever made it. It holds ids and no names; names are looked up
// when events are read, so whoever was deleted remains an id.
package audit

import (
	"context"
	"database/sql"
	"embed"
	"sync/atomic"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Read reads relationships, as access.Relationships does.
type Read func(ctx context.Context, filters ...access.Filter) ([]access.Relationship, access.Token, error)

// querier asks a database, or one moment of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Log is the audit. It keeps the place of the one follower that fills it.
type Log struct {
	db   *sql.DB
	now  access.Clock
	read Read
	at   access.Token // where the follower is; known to it alone
	last atomic.Int64 // the sequence of the last event that this process recorded
}

var (
	_ access.Audit   = (*Log)(nil)
	_ access.Cursors = (*Log)(nil)
)

// New keeps an audit in the database, whose tables it brings up to date.
// Errors: those of database.Migrate.
func New(ctx context.Context, db *sql.DB, now access.Clock, read Read) (*Log, error) {
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	return &Log{db: db, now: now, read: read}, nil
}

// chaining is the step that begins the chain.
var chaining = database.Step{Version: 3, Do: chain}

func migrate(ctx context.Context, db *sql.DB) error {
	return database.Migrate(ctx, db, "audit", migrations, chaining)
}

// Tables says who owns the tables of the audit, and their newest version that this program knows.
func Tables() (owner string, newest int64) { return "audit", database.Newest(migrations, chaining) }

// down hides from callers what the driver said.
func down(err error) error {
	if err == nil {
		return nil
	}
	return access.Down("the audit", err)
}

// within carries out a transaction. Errors: Unavailable, and those of do.
func within(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return down(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to
	if err := do(tx); err != nil {
		return err
	}
	return down(tx.Commit())
}
