package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
)

// step is how many rows the collector deletes in one turn to write: a few
// milliseconds' worth.
const step = 500

const (
	// A change tells which row it removed or replaced: the one that was deleted at
	// its revision.
	deleteReplaced = `DELETE FROM spicedb_relationship
		WHERE (object_type, object_id, relation, subject_type, subject_id, subject_relation, deleted) IN (
			SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, revision
			FROM spicedb_change WHERE revision <= ? ORDER BY revision, position LIMIT ?)`

	deleteChanges = `DELETE FROM spicedb_change WHERE (revision, position) IN (
			SELECT revision, position FROM spicedb_change WHERE revision <= ? ORDER BY revision, position LIMIT ?)`

	deleteExpired = `DELETE FROM spicedb_relationship
		WHERE (object_type, object_id, relation, subject_type, subject_id, subject_relation, deleted) IN (
			SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, deleted
			FROM spicedb_relationship WHERE expiration < ? ORDER BY expiration LIMIT ?)`
)

// collector deletes what no readable revision can see.
type collector struct{ *Datastore }

// BuildGarbageCollector is for datastore.RunGarbageCollection.
func (d *Datastore) BuildGarbageCollector(context.Context) (datastore.GarbageCollector, error) {
	return collector{d}, nil
}

// HasGCRun says whether a collection has ended since the last reset.
func (d *Datastore) HasGCRun() bool { return d.gcHasRun.Load() }

// MarkGCCompleted is called when a collection has ended.
func (d *Datastore) MarkGCCompleted() { d.gcHasRun.Store(true) }

// ResetGCCompleted forgets that a collection has ended.
func (d *Datastore) ResetGCCompleted() { d.gcHasRun.Store(false) }

// LockForGCRun succeeds: nobody else has the file, and two collections at once do
// no harm.
func (c collector) LockForGCRun(context.Context) (bool, error) { return true, nil }
func (c collector) UnlockAfterGCRun() error                    { return nil }
func (c collector) Now(context.Context) (time.Time, error)     { return time.Now(), nil }
func (c collector) Close()                                     {}

// TxIDBefore is the last revision that was committed before the time, or
// NoRevision.
func (c collector) TxIDBefore(ctx context.Context, before time.Time) (datastore.Revision, error) {
	var id int64
	// Read from the oldest on, to read only what is to be deleted.
	err := c.readers.queryRow(ctx, `SELECT coalesce(
		(SELECT id FROM spicedb_revision WHERE committed >= ? ORDER BY id LIMIT 1) - 1,
		(SELECT max(id) FROM spicedb_revision))`, before.UnixMicro()).Scan(&id)
	if err != nil {
		return datastore.NoRevision, fmt.Errorf("find the last revision before %s: %w", before, err)
	}
	if id == 0 {
		return datastore.NoRevision, nil
	}
	return Revision(id), nil
}

// DeleteBeforeTx deletes what was deleted at the revision or before, and what is
// known of how older revisions came about.
// Errors: ErrClosed, the context's, those of the driver. What was deleted by then
// stays deleted.
func (c collector) DeleteBeforeTx(ctx context.Context, r datastore.Revision) (n datastore.DeletionCounts, err error) {
	last := of(r)
	if last <= c.collected.Load() {
		return n, nil
	}
	// First make known that reads and watches before it are no longer exact.
	if _, err := c.inTurn(ctx, func(ctx context.Context) (int64, error) {
		return c.writer.exec(ctx, `UPDATE spicedb_datastore SET collected = ?`, int64(last))
	}); err != nil {
		return n, err
	}
	c.collected.Store(last)

	if n.Relationships, err = c.steps(ctx, func(ctx context.Context) (int64, error) {
		if _, err := c.writer.exec(ctx, deleteReplaced, int64(last), step); err != nil {
			return 0, err
		}
		return c.writer.exec(ctx, deleteChanges, int64(last), step)
	}); err != nil {
		return n, err
	}
	if n.Transactions, err = c.steps(ctx, func(ctx context.Context) (int64, error) {
		return c.writer.exec(ctx, `DELETE FROM spicedb_revision WHERE id IN (SELECT id FROM spicedb_revision WHERE id < ? ORDER BY id LIMIT ?)`, int64(last), step)
	}); err != nil {
		return n, err
	}
	n.Namespaces, err = c.inTurn(ctx, func(ctx context.Context) (int64, error) {
		for _, table := range []string{"spicedb_schema", "spicedb_counter"} {
			if _, err := c.writer.exec(ctx, `DELETE FROM `+table+` WHERE deleted <= ?`, int64(last)); err != nil {
				return 0, err
			}
		}
		return c.writer.exec(ctx, `DELETE FROM spicedb_definition WHERE deleted <= ?`, int64(last))
	})
	return n, err
}

// DeleteExpiredRels deletes what expired before the window began. Nobody can tell
// but those who create it anew.
// Errors: those of DeleteBeforeTx.
func (c collector) DeleteExpiredRels(ctx context.Context) (int64, error) {
	before := time.Now().Add(-c.settings.gcWindow).UnixMicro()
	return c.steps(ctx, func(ctx context.Context) (int64, error) {
		return c.writer.exec(ctx, deleteExpired, before, step)
	})
}

// steps deletes in turns until there is no more to delete.
func (c collector) steps(ctx context.Context, do func(context.Context) (int64, error)) (n int64, err error) {
	for {
		deleted, err := c.inTurn(ctx, do)
		if n += deleted; err != nil || deleted < step {
			return n, err
		}
	}
}
