package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
	"github.com/authzed/spicedb/pkg/tuple"
)

// buffered is how many relationships are read before the first is handed out. A
// read up to this size has let go of its connection by then, so that consumers
// who read on while they iterate cannot starve each other.
const buffered = 1000

// SnapshotReader reads what was there at the revision. A revision that cannot be
// read exactly fails on the first read.
func (d *Datastore) SnapshotReader(r datastore.Revision) datastore.Reader {
	return &reader{datastore: d, revision: of(r)}
}

// reader reads at one revision: a committed one, or that of its transaction.
type reader struct {
	datastore   *Datastore
	revision    uint64
	transaction *transaction
}

// session is where to read and at which revision. A reader of the pool waits for
// one of its slots and must give it back.
func (r *reader) session(ctx context.Context) (s *session, at int64, done func(), err error) {
	d := r.datastore
	if t := r.transaction; t != nil {
		return d.writer, t.revision, func() {}, t.begin(ctx)
	}
	if d.closing.Err() != nil {
		return nil, 0, nil, ErrClosed
	}
	if err := cmp.Or(ctx.Err(), d.readable(r.revision)); err != nil {
		return nil, 0, nil, err
	}
	select {
	case d.slots <- struct{}{}:
		return d.readers, int64(r.revision), func() { <-d.slots }, nil
	case <-ctx.Done():
		return nil, 0, nil, ctx.Err()
	}
}

// stillExact says whether a read that began before was exact: had the collector
// been ahead of it, that would be known by now.
func (r *reader) stillExact() error {
	if r.transaction != nil {
		return nil
	}
	return r.datastore.readable(r.revision)
}

// QueryRelationships finds relationships by their resources, or at all.
// Errors: InvalidRevisionError, ErrCursorsWithoutSorting, ErrClosed, the
// context's, those of the driver.
func (r *reader) QueryRelationships(ctx context.Context, f datastore.RelationshipsFilter, opts ...options.QueryOptionsOption) (datastore.RelationshipIterator, error) {
	q, err := forward(f, options.NewQueryOptionsWithOptions(opts...))
	if err != nil {
		return nil, err
	}
	return r.relationships(ctx, q), nil
}

// ReverseQueryRelationships finds relationships by their subjects.
// Errors: those of QueryRelationships.
func (r *reader) ReverseQueryRelationships(ctx context.Context, f datastore.SubjectsFilter, opts ...options.ReverseQueryOptionsOption) (datastore.RelationshipIterator, error) {
	q, err := reverse(f, options.NewReverseQueryOptionsWithOptions(opts...))
	if err != nil {
		return nil, err
	}
	return r.relationships(ctx, q), nil
}

func forward(f datastore.RelationshipsFilter, o *options.QueryOptions) (query, error) {
	q := query{skipCaveats: o.SkipCaveats, skipExpiration: o.SkipExpiration}
	if err := q.resources(f); err != nil {
		return q, err
	}
	q.subjects(f.OptionalSubjectsSelectors...)
	q.unexpired()
	return q, q.page(o.Sort, o.After, o.BeforeOrEqual, o.Limit)
}

func reverse(f datastore.SubjectsFilter, o *options.ReverseQueryOptions) (query, error) {
	q := query{skipCaveats: o.SkipCaveatsForReverse, skipExpiration: o.SkipExpirationForReverse}
	q.subject(f.AsSelector())
	if o.ResRelation != nil {
		q.is(objectType, o.ResRelation.Namespace)
		q.is(relation, o.ResRelation.Relation)
	}
	q.unexpired()
	return q, q.page(o.SortForReverse, o.AfterForReverse, nil, o.LimitForReverse)
}

func (r *reader) relationships(ctx context.Context, q query) datastore.RelationshipIterator {
	return func(yield func(tuple.Relationship, error) bool) {
		s, at, done, err := r.session(ctx)
		if err != nil {
			yield(tuple.Relationship{}, err)
			return
		}
		release := done
		defer func() { release() }()

		q.at(at)
		// The driver starts a goroutine to interrupt a statement. One that an index
		// answers has ended before it runs.
		statement := ctx
		if q.keyedByResource || q.keyedBySubject || r.transaction != nil {
			statement = context.WithoutCancel(ctx)
		}
		rows, err := s.query(statement, q.text(), q.args...)
		if err != nil {
			yield(tuple.Relationship{}, fmt.Errorf("query relationships: %w", err))
			return
		}
		defer rows.Close()
		if err := r.stillExact(); err != nil {
			yield(tuple.Relationship{}, err)
			return
		}

		scan := newScanner(&q)
		var first []tuple.Relationship
		more := false
		for rows.Next() {
			found, err := scan.relationship(rows)
			if err != nil {
				yield(tuple.Relationship{}, err)
				return
			}
			first = append(first, found)
			// A transaction has one connection, which its function may use meanwhile.
			if more = len(first) == buffered && r.transaction == nil; more {
				break
			}
		}
		if !more {
			if err := closeRows(ctx, rows); err != nil {
				yield(tuple.Relationship{}, err)
				return
			}
		}
		// A long read keeps its connection but not its slot: others can go on,
		// each with a connection of its own.
		release()
		release = func() {}

		for _, found := range first {
			if !yield(found, nil) {
				return
			}
		}
		if !more {
			return
		}
		for rows.Next() {
			found, err := scan.relationship(rows)
			if err == nil {
				err = ctx.Err()
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
		if err := closeRows(ctx, rows); err != nil {
			yield(tuple.Relationship{}, err)
		}
	}
}

// closeRows is the end of a read.
// Errors: why it ended before its last row.
func closeRows(ctx context.Context, rows *sql.Rows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read relationships: %w", err)
	}
	return rows.Close()
}

// scanner reads rows of one query.
type scanner struct {
	q    *query
	key  key
	into []any
	caveated
}

// caveated is what else there is to a relationship.
type caveated struct {
	caveat     sql.NullString
	context    []byte
	expiration sql.NullInt64
}

func newScanner(q *query) *scanner {
	s := &scanner{q: q, key: q.values, into: make([]any, 0, width+3)}
	for c, known := range q.known {
		if !known {
			s.into = append(s.into, &s.key[c])
		}
	}
	if !q.skipCaveats {
		s.into = append(s.into, &s.caveat, &s.context)
	}
	if !q.skipExpiration {
		s.into = append(s.into, &s.expiration)
	}
	if len(s.into) == 0 {
		s.into = append(s.into, new(any))
	}
	return s
}

func (s *scanner) relationship(rows *sql.Rows) (tuple.Relationship, error) {
	if err := rows.Scan(s.into...); err != nil {
		return tuple.Relationship{}, fmt.Errorf("read a relationship: %w", err)
	}
	return s.of(&s.key)
}

func (c *caveated) of(k *key) (tuple.Relationship, error) {
	found := tuple.Relationship{RelationshipReference: k.reference()}
	if c.caveat.Valid {
		values, err := unmarshalContext(c.context)
		if err != nil {
			return tuple.Relationship{}, fmt.Errorf("read the context of caveat %s: %w", c.caveat.String, err)
		}
		found.OptionalCaveat = &core.ContextualizedCaveat{CaveatName: c.caveat.String, Context: values}
	}
	if c.expiration.Valid {
		at := time.UnixMicro(c.expiration.Int64).UTC()
		found.OptionalExpiration = &at
	}
	return found, nil
}
