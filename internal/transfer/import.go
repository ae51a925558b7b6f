package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Verify reads a snapshot to its end.
// Errors: it is none, has a newer format, or is damaged; each says what to do.
func Verify(ctx context.Context, from io.Reader, heard Progress) (Summary, error) {
	r, err := newReader(from)
	if err != nil {
		return Summary{}, err
	}
	for one := heard.counter(0); ; one() {
		if err := ctx.Err(); err != nil {
			return Summary{}, err
		}
		if _, err := r.next(); errors.Is(err, io.EOF) {
			return r.header.summary(r.records), nil
		} else if err != nil {
			return Summary{}, err
		}
	}
}

// Import fills empty stores with a snapshot, after it has read it to its end.
// Errors: those of Verify; Conflict (not_empty); and those of the stores, after
// which the directory stays shut unless nothing was written at all.
func Import(ctx context.Context, from io.ReadSeeker, rs Relationships, d Directory, a Audit, heard Progress) (Summary, error) {
	switch _, _, err := rs.Schema(ctx); {
	case err == nil:
		return Summary{}, access.Fail(access.Conflict, "not_empty", "SpiceDB is not empty: it has a schema. Import into an empty one")
	case !access.HasCode(err, "no_schema"):
		return Summary{}, err
	}
	found, err := Verify(ctx, from, heard)
	if err != nil {
		return Summary{}, err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return Summary{}, fmt.Errorf("read the snapshot again: %w", err)
	}
	r, err := newReader(from)
	if err != nil {
		return Summary{}, err
	}
	one := heard.counter(found.total())
	if err := d.Import(ctx, counted(r.of(part("")), one)); err != nil {
		return Summary{}, err
	}
	err = a.Import(ctx, counted(r.of(part(kindEvent)), one))
	if err == nil {
		err = importFacts(ctx, r, rs, one)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("%w. The import is not finished: delete the data file, or empty both databases, and import again", err)
	}
	return found, d.Finish(ctx)
}

// importFacts reads the rest of the file into SpiceDB.
func importFacts(ctx context.Context, r *reader, rs Relationships, one func()) error {
	for record, err := range counted(r.of(part(kindSchema)), one) {
		if err != nil {
			return err
		}
		var schema string
		if err := json.Unmarshal(record.JSON, &schema); err != nil {
			return damaged("%w", err)
		}
		if err := rs.ApplySchema(ctx, schema); err != nil {
			return err
		}
	}
	if err := rs.Import(ctx, counted(r.of(part(kindRelationship)), one)); err != nil {
		return err
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return errors.Join(damaged("it changed while it was imported"), err)
	}
	return nil
}

func counted(records iter.Seq2[access.Record, error], one func()) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for record, err := range records {
			one()
			if !yield(record, err) {
				return
			}
		}
	}
}
