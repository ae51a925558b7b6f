package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	"github.com/authzed/spicedb/pkg/tuple"
)

const (
	keyIs = ` WHERE object_type = ? AND object_id = ? AND relation = ? AND subject_type = ? AND subject_id = ? AND subject_relation = ?`

	findLive = `SELECT created, caveat, context, expiration FROM spicedb_relationship` + keyIs + ` AND deleted = 9223372036854775807`

	insert = `INSERT INTO spicedb_relationship (object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expiration, created, deleted)
		VALUES ` + inserted
	inserted = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 9223372036854775807)`

	// A row that its own transaction deletes was never seen by anyone.
	erase = `DELETE FROM spicedb_relationship` + keyIs + ` AND deleted = 9223372036854775807`
	kill  = `UPDATE spicedb_relationship SET deleted = ?` + keyIs + ` AND deleted = 9223372036854775807`

	note = `INSERT INTO spicedb_change (object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expiration, revision, position, removed)
		VALUES ` + noted
	noted = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// WriteRelationships creates, touches and deletes relationships, in this order
// of theirs.
// Errors: CreateRelationshipExistsError, those of ReadWriteTx.
func (t *transaction) WriteRelationships(ctx context.Context, updates []tuple.RelationshipUpdate) error {
	for _, u := range updates {
		var err error
		switch u.Operation {
		case tuple.UpdateOperationCreate:
			err = t.create(ctx, u.Relationship)
		case tuple.UpdateOperationTouch:
			err = t.touch(ctx, u.Relationship)
		case tuple.UpdateOperationDelete:
			err = t.delete(ctx, u.Relationship)
		default:
			err = fmt.Errorf("unknown operation %d on a relationship", u.Operation)
		}
		if err != nil {
			return err
		}
	}
	// A write that changes nothing is a revision too.
	t.wrote = true
	return t.begin(ctx)
}

// create relies on the key: an expired row that was not collected counts.
func (t *transaction) create(ctx context.Context, r tuple.Relationship) error {
	c, err := caveatedOf(r)
	if err != nil {
		return err
	}
	return t.insert(ctx, r, c)
}

func (t *transaction) insert(ctx context.Context, r tuple.Relationship, c caveated) error {
	k := keyOf(r.RelationshipReference)
	if err := t.begin(ctx); err != nil {
		return err
	}
	args := append(k.args(), c.caveat, c.context, c.expiration, t.revision)
	if _, err := t.exec(ctx, insert, args...); is(err, codeConstraint) {
		return datastore.NewCreateRelationshipExistsError(&r)
	} else if err != nil {
		return fmt.Errorf("write a relationship: %w", err)
	}
	return t.note(ctx, &k, c, false)
}

func (t *transaction) touch(ctx context.Context, r tuple.Relationship) error {
	wanted, err := caveatedOf(r)
	if err != nil {
		return err
	}
	k := keyOf(r.RelationshipReference)
	created, found, err := t.find(ctx, &k)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case found.equal(wanted):
		return nil
	default:
		if err := t.kill(ctx, &k, created); err != nil {
			return err
		}
	}
	return t.insert(ctx, r, wanted)
}

func (t *transaction) delete(ctx context.Context, r tuple.Relationship) error {
	k := keyOf(r.RelationshipReference)
	created, found, err := t.find(ctx, &k)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	if err := t.kill(ctx, &k, created); err != nil {
		return err
	}
	return t.note(ctx, &k, found, true)
}

// find reads the live row.
// Errors: sql.ErrNoRows, those of ReadWriteTx.
func (t *transaction) find(ctx context.Context, k *key) (created int64, c caveated, err error) {
	if err := t.begin(ctx); err != nil {
		return 0, c, err
	}
	err = t.datastore.writer.queryRow(context.WithoutCancel(ctx), findLive, k.args()...).Scan(&created, &c.caveat, &c.context, &c.expiration)
	return created, c, err
}

func (t *transaction) kill(ctx context.Context, k *key, created int64) error {
	text, args := kill, append([]any{t.revision}, k.args()...)
	if created == t.revision {
		text, args = erase, k.args()
	}
	if _, err := t.exec(ctx, text, args...); err != nil {
		return fmt.Errorf("delete a relationship: %w", err)
	}
	return nil
}

func (t *transaction) note(ctx context.Context, k *key, c caveated, removed bool) error {
	t.changes++
	if _, err := t.exec(ctx, note, append(k.args(), c.caveat, c.context, c.expiration, t.revision, t.changes, removed)...); err != nil {
		return fmt.Errorf("note a change: %w", err)
	}
	return nil
}

func caveatedOf(r tuple.Relationship) (c caveated, err error) {
	if r.OptionalIntegrity != nil {
		return c, errors.New("this datastore keeps no integrity data: switch relationship integrity off")
	}
	if r.OptionalCaveat != nil && r.OptionalCaveat.CaveatName != "" {
		c.caveat = sql.NullString{String: r.OptionalCaveat.CaveatName, Valid: true}
		if c.context, err = marshalContext(r.OptionalCaveat.Context); err != nil {
			return c, fmt.Errorf("marshal the context of caveat %s: %w", c.caveat.String, err)
		}
	}
	if r.OptionalExpiration != nil {
		c.expiration = sql.NullInt64{Int64: r.OptionalExpiration.UnixMicro(), Valid: true}
	}
	return c, nil
}

func (c caveated) equal(other caveated) bool {
	return c.caveat == other.caveat && c.expiration == other.expiration && bytes.Equal(c.context, other.context)
}

// DeleteRelationships deletes what matches, up to a limit, and says how many that
// were and whether the limit was reached. Expired rows count, as in SpiceDB.
// Errors: those of ReadWriteTx.
func (t *transaction) DeleteRelationships(ctx context.Context, filter *v1.RelationshipFilter, opts ...options.DeleteOptionsOption) (uint64, bool, error) {
	f, err := datastore.RelationshipsFilterFromPublicFilter(filter)
	if err != nil {
		return 0, false, err
	}
	left := uint64(live)
	if limit := options.NewDeleteOptionsWithOptionsAndDefaults(opts...).DeleteLimit; limit != nil && *limit > 0 {
		left = *limit
	}
	var deleted uint64
	var last options.Cursor
	t.wrote = true
	for {
		batch := min(left-deleted, buffered)
		var q query
		if err := q.resources(f); err != nil {
			return deleted, false, err
		}
		q.subjects(f.OptionalSubjectsSelectors...)
		// Each batch starts after the last, or it would search the dead again.
		if err := q.page(options.ByResource, last, nil, &batch); err != nil {
			return deleted, false, err
		}
		found, err := datastore.IteratorToSlice(t.relationships(ctx, q))
		if err != nil {
			return deleted, false, err
		}
		for i := range found {
			if err := t.delete(ctx, found[i]); err != nil {
				return deleted, false, err
			}
		}
		deleted += uint64(len(found))
		if deleted == left || uint64(len(found)) < batch {
			return deleted, deleted == left, nil
		}
		last = options.ToCursor(found[len(found)-1])
	}
}
