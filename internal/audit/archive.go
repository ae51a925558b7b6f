package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// RecordKind is the kind of every record of an Archive: an event, whole.
const RecordKind = "audit_event"

// Archive moves an audit out of a database, or into it. The follower's place stays
// behind: it is a moment of one SpiceDB and foreign to every other.
type Archive struct{ log *Log }

// OpenArchive opens the audit in the database, whose tables it brings up to date.
// Errors: those of database.Migrate.
func OpenArchive(ctx context.Context, db *sql.DB) (*Archive, error) {
	l, err := New(ctx, db, time.Now, nil)
	return &Archive{log: l}, err
}

// Export yields every event, in order. It may end with Unavailable.
func (a *Archive) Export(ctx context.Context) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		const batch = 500
		for last := int64(0); ; {
			var w where
			w.and("sequence > %s", last)
			events, err := a.log.events(ctx, w, fmt.Sprintf("ORDER BY sequence LIMIT %d", batch))
			if err == nil {
				err = a.log.fill(ctx, events, access.AuditQuery{})
			}
			if err != nil {
				yield(access.Record{}, err)
				return
			}
			for _, e := range events {
				text, err := json.Marshal(e)
				if !yield(access.Record{Kind: RecordKind, JSON: text}, err) || err != nil {
					return
				}
				last = e.Sequence
			}
			if len(events) < batch {
				return
			}
		}
	}
}

// Import fills an empty audit with all of the records or none of them.
// Errors: Conflict (not_empty), Unavailable, and those the records come with.
func (a *Archive) Import(ctx context.Context, records iter.Seq2[access.Record, error]) error {
	return within(ctx, a.log.db, func(tx *sql.Tx) error {
		var used bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM audit_events) OR EXISTS (SELECT 1 FROM audit_cursor)`).Scan(&used); err != nil {
			return down(err)
		}
		if used {
			return access.Fail(access.Conflict, "not_empty", "the audit is not empty. Import into an empty database")
		}
		for record, err := range records {
			if err != nil {
				return err
			}
			var e access.AuditEvent
			if err := json.Unmarshal(record.JSON, &e); err != nil {
				return fmt.Errorf("read an event of the audit: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO audit_events (sequence, `+eventColumns+`) VALUES `+tuple(0, 10),
				append([]any{e.Sequence}, eventValues(e)...)...); err != nil {
				return down(err)
			}
			if err := insertUpdates(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}
