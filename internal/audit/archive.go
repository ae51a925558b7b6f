package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
)

// RecordKind is the kind of records of an Archive that are an event, whole. Others
// say where the chain of events begins, and what was signed of it.
const (
	RecordKind    = "audit_event"
	beginningKind = "audit_beginning"
	digestKind    = "audit_digest"
)

// Archive moves an audit out of a database, or into it. The follower's place stays
// behind: it is a moment of one SpiceDB and foreign to every other.
type Archive struct{ log *Log }

// OpenArchive opens the audit in the database, whose tables it brings up to date.
// Errors: those of database.Migrate.
func OpenArchive(ctx context.Context, db *sql.DB) (*Archive, error) {
	l, err := New(ctx, db, time.Now, nil)
	return &Archive{log: l}, err
}

// Export yields everything of one moment, in order. It may end with Unavailable.
func (a *Archive) Export(ctx context.Context) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		tx, err := database.Snapshot(ctx, a.log.db)
		if err != nil {
			yield(access.Record{}, down(err))
			return
		}
		defer func() { _ = tx.Rollback() }() // it only read
		say := func(kind string, thing any, err error) bool {
			record := access.Record{Kind: kind}
			if err == nil {
				record.JSON, err = json.Marshal(thing)
			}
			return yield(record, err) && err == nil
		}
		if b, err := beginning(ctx, tx); (b != nil || err != nil) && !say(beginningKind, b, err) {
			return
		}
		for e, err := range events(ctx, tx, 0) {
			if !e.stray && !say(RecordKind, e.AuditEvent, err) {
				return
			}
		}
		for d, err := range digests(ctx, tx, 0) {
			if !say(digestKind, d, err) {
				return
			}
		}
	}
}

// Import fills an empty audit with all of the records or none of them. Hashes come
// along, and so does what was done to events; those from before there were hashes
// get theirs.
// Errors: Conflict (not_empty), Unavailable, and those the records come with.
func (a *Archive) Import(ctx context.Context, records iter.Seq2[access.Record, error]) error {
	return within(ctx, a.log.db, func(tx *sql.Tx) error {
		var used bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM audit_events) OR EXISTS (SELECT 1 FROM audit_digests)
			OR EXISTS (SELECT 1 FROM audit_cursor)`).Scan(&used); err != nil {
			return down(err)
		}
		if used {
			return access.Fail(access.Conflict, "not_empty", "the audit is not empty. Import into an empty database")
		}
		previous := ""
		for record, err := range records {
			if err == nil {
				previous, err = take(ctx, tx, record, previous)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// take adds a record, which comes behind an event with a hash, and returns the hash
// that the next comes behind.
func take(ctx context.Context, tx *sql.Tx, record access.Record, previous string) (string, error) {
	read := func(thing any) error {
		if err := json.Unmarshal(record.JSON, thing); err != nil {
			return fmt.Errorf("read a record of the audit: %w", err)
		}
		return nil
	}
	switch record.Kind {
	case beginningKind:
		var b Beginning
		if err := read(&b); err != nil {
			return "", err
		}
		_, err := setBeginning(ctx, tx, b)
		return b.Hash, err
	case digestKind:
		var d Digest
		if err := read(&d); err != nil {
			return "", err
		}
		_, err := insertDigest(ctx, tx, d)
		return previous, err
	}
	var e access.AuditEvent
	if err := read(&e); err != nil {
		return "", err
	}
	if e.Hash == "" {
		e.Hash = hash(previous, e)
	}
	inserted, err := insert(ctx, tx, e)
	if err == nil && !inserted {
		err = fmt.Errorf("event %d is there twice", e.Sequence)
	}
	return e.Hash, err
}
