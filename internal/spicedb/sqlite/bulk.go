package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
)

// bulk is how many relationships one statement inserts.
const bulk = 50

var (
	insertBulk = insert + strings.Repeat(", "+inserted, bulk-1)
	noteBulk   = note + strings.Repeat(", "+noted, bulk-1)
)

// BulkLoad creates all the relationships of the source.
// Errors: CreateRelationshipExistsError, the source's, those of ReadWriteTx.
func (t *transaction) BulkLoad(ctx context.Context, source datastore.BulkWriteRelationshipSource) (uint64, error) {
	var n uint64
	var pending []tuple.Relationship
	for {
		r, err := source.Next(ctx)
		if err != nil {
			return n, err
		}
		if r == nil {
			for _, last := range pending {
				if err := t.create(ctx, last); err != nil {
					return n, err
				}
			}
			return n + uint64(len(pending)), nil
		}
		// The source may use its memory again.
		own := *r
		own.OptionalCaveat = r.OptionalCaveat.CloneVT()
		if pending = append(pending, own); len(pending) < bulk {
			continue
		}
		if err := t.createAll(ctx, pending); err != nil {
			return n, err
		}
		n += bulk
		pending = pending[:0]
	}
}

// createAll creates as many as make up a bulk.
func (t *transaction) createAll(ctx context.Context, all []tuple.Relationship) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	rows, notes := make([]any, 0, 10*bulk), make([]any, 0, 12*bulk)
	for i := range all {
		c, err := caveatedOf(all[i])
		if err != nil {
			return err
		}
		k := keyOf(all[i].RelationshipReference)
		t.changes++
		rows = append(append(rows, k.args()...), c.caveat, c.context, c.expiration, t.revision)
		notes = append(append(notes, k.args()...), c.caveat, c.context, c.expiration, t.revision, t.changes, false)
	}
	if _, err := t.exec(ctx, insertBulk, rows...); is(err, codeConstraint) {
		// None was created. One by one shows which was in the way.
		for i := range all {
			if err := t.create(ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	} else if err != nil {
		return fmt.Errorf("write relationships: %w", err)
	}
	if _, err := t.exec(ctx, noteBulk, notes...); err != nil {
		return fmt.Errorf("note changes: %w", err)
	}
	return nil
}
