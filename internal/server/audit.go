package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// Audit is the audit of a server, which may be running, as it is at one moment.
type Audit struct {
	moment *sql.Tx
	db     *sql.DB
}

// OpenAudit opens an audit to be read; Close must follow. It changes nothing.
// Errors: those of the store; the audit is of an older version.
func OpenAudit(ctx context.Context, c config.AuditStore) (_ *Audit, err error) {
	a := &Audit{}
	if c.DirectoryURL != "" {
		a.db, err = database.Open(ctx, c.DirectoryURL)
	} else {
		a.db, err = sqlite.OpenToRead(ctx, config.Stores{DataDir: c.DataDir}.DataFile())
	}
	if err != nil {
		return nil, err
	}
	if a.moment, err = database.Snapshot(ctx, a.db); err != nil {
		return nil, errors.Join(fmt.Errorf("read the audit: %w", err), a.db.Close())
	}
	if err := audit.Chained(ctx, a.moment); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Lines are the lines of a stretch of it.
func (a *Audit) Lines(s audit.Span) audit.Lines { return audit.Kept(a.moment, s) }

// Close lets go of the moment.
func (a *Audit) Close() error { return errors.Join(a.moment.Rollback(), a.db.Close()) }
