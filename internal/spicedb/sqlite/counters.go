package sqlite

import (
	"context"
	"fmt"

	"github.com/authzed/spicedb/pkg/datastore"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
)

// CountRelationships counts what the counter's filter matches.
// Errors: CounterNotRegisteredError, those of a read.
func (r *reader) CountRelationships(ctx context.Context, name string) (int, error) {
	counters, err := r.LookupCounters(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range counters {
		if c.Name == name {
			return r.count(ctx, c.Filter)
		}
	}
	return 0, datastore.NewCounterNotRegisteredErr(name)
}

func (r *reader) count(ctx context.Context, filter *core.RelationshipFilter) (n int, err error) {
	f, err := datastore.RelationshipsFilterFromCoreFilter(filter)
	if err != nil {
		return 0, err
	}
	s, at, done, err := r.session(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	var q query
	if err := q.resources(f); err != nil {
		return 0, err
	}
	q.subjects(f.OptionalSubjectsSelectors...)
	q.unexpired()
	q.at(at)
	if err := s.queryRow(ctx, `SELECT count(*)`+q.filter(), q.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count relationships: %w", err)
	}
	return n, r.stillExact()
}

// LookupCounters reads all counters.
// Errors: those of a read.
func (r *reader) LookupCounters(ctx context.Context) ([]datastore.RelationshipCounter, error) {
	s, at, done, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	rows, err := s.query(context.WithoutCancel(ctx), `SELECT name, filter, count, computed FROM spicedb_counter WHERE created <= ? AND deleted > ?`, at, at)
	if err != nil {
		return nil, fmt.Errorf("query counters: %w", err)
	}
	defer rows.Close()
	var counters []datastore.RelationshipCounter
	for rows.Next() {
		var filter []byte
		var computed uint64
		c := datastore.RelationshipCounter{Filter: &core.RelationshipFilter{}, ComputedAtRevision: datastore.NoRevision}
		if err := rows.Scan(&c.Name, &filter, &c.Count, &computed); err != nil {
			return nil, fmt.Errorf("read a counter: %w", err)
		}
		if err := c.Filter.UnmarshalVT(filter); err != nil {
			return nil, fmt.Errorf("read counter %s: %w", c.Name, err)
		}
		if computed > 0 {
			c.ComputedAtRevision = Revision(computed)
		}
		counters = append(counters, c)
	}
	if err := closeRows(ctx, rows); err != nil {
		return nil, err
	}
	return counters, r.stillExact()
}

// RegisterCounter names a filter.
// Errors: CounterAlreadyRegisteredError, those of ReadWriteTx.
func (t *transaction) RegisterCounter(ctx context.Context, name string, filter *core.RelationshipFilter) error {
	body, err := filter.MarshalVT()
	if err != nil {
		return fmt.Errorf("marshal the filter of counter %s: %w", name, err)
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO spicedb_counter (name, deleted, created, filter) VALUES (?, ?, ?, ?)`, name, int64(live), t.revision, body)
	if is(err, codeConstraint) {
		return datastore.NewCounterAlreadyRegisteredErr(name, filter)
	} else if err != nil {
		return fmt.Errorf("register counter %s: %w", name, err)
	}
	return nil
}

// UnregisterCounter forgets a counter.
// Errors: CounterNotRegisteredError, those of ReadWriteTx.
func (t *transaction) UnregisterCounter(ctx context.Context, name string) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	erased, err := t.exec(ctx, `DELETE FROM spicedb_counter WHERE name = ? AND deleted = ? AND created = ?`, name, int64(live), t.revision)
	if err != nil {
		return fmt.Errorf("unregister counter %s: %w", name, err)
	}
	killed, err := t.exec(ctx, `UPDATE spicedb_counter SET deleted = ? WHERE name = ? AND deleted = ?`, t.revision, name, int64(live))
	if err != nil {
		return fmt.Errorf("unregister counter %s: %w", name, err)
	}
	if erased+killed == 0 {
		return datastore.NewCounterNotRegisteredErr(name)
	}
	return nil
}

// StoreCounterValue remembers what was counted. As in SpiceDB's own engines it is
// not versioned.
// Errors: CounterNotRegisteredError, those of ReadWriteTx.
func (t *transaction) StoreCounterValue(ctx context.Context, name string, value int, at datastore.Revision) error {
	n, err := t.exec(ctx, `UPDATE spicedb_counter SET count = ?, computed = ? WHERE name = ? AND deleted = ?`, value, int64(of(at)), name, int64(live))
	if err != nil {
		return fmt.Errorf("store the value of counter %s: %w", name, err)
	}
	if n == 0 {
		return datastore.NewCounterNotRegisteredErr(name)
	}
	return nil
}
