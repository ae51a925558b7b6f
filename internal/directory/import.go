package directory

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Import fills an empty directory with all of the records or none of them. Until
// Finish it opens to nobody, for what the rows name has yet to arrive.
// Errors: Conflict (not_empty), Unavailable, and those the records come with.
func (a *Archive) Import(ctx context.Context, records iter.Seq2[access.Record, error]) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return down(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to
	if err := requireEmpty(ctx, tx); err != nil {
		return err
	}
	// One of two imports at once waits here for the other, and then fails.
	if _, err := tx.ExecContext(ctx, `INSERT INTO unfinished_imports (one, begun_at) VALUES (1, $1)`, a.now().UnixMicro()); err != nil {
		return down(err)
	}
	b := &batch{tx: tx}
	for record, err := range records {
		if err != nil {
			return err
		}
		if err := b.add(ctx, record); err != nil {
			return err
		}
	}
	if err := b.insert(ctx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return down(err)
	}
	return nil
}

// Finish opens the directory after an import. It may fail with Unavailable.
func (a *Archive) Finish(ctx context.Context) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM unfinished_imports`); err != nil {
		return down(err)
	}
	return nil
}

// requireEmpty refuses a directory that was ever in use: a cursor from before would
// mail every imported invitation once more.
func requireEmpty(ctx context.Context, tx *sql.Tx) error {
	tables := slices.Clone(staying)
	for _, t := range travelling {
		tables = append(tables, t.name)
	}
	for _, name := range tables {
		var used bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+name+`)`).Scan(&used); err != nil {
			return down(err)
		}
		if used {
			return access.Fail(access.Conflict, "not_empty",
				"the directory is not empty: it has %s. Import into an empty database", name)
		}
	}
	return nil
}

// batch gathers rows of one table for one statement.
type batch struct {
	tx     *sql.Tx
	table  table
	values []any
}

func (b *batch) add(ctx context.Context, record access.Record) error {
	const rows = 500
	if record.Kind != b.table.name || len(b.values) >= rows*len(b.table.columns) {
		if err := b.insert(ctx); err != nil {
			return err
		}
		i := slices.IndexFunc(travelling, func(t table) bool { return t.name == record.Kind })
		if i < 0 {
			return fmt.Errorf("the directory has no place for %q", record.Kind)
		}
		b.table = travelling[i]
	}
	values, err := b.table.decode(record.JSON)
	b.values = append(b.values, values...)
	return err
}

func (b *batch) insert(ctx context.Context) error {
	if len(b.values) == 0 {
		return nil
	}
	_, err := b.tx.ExecContext(ctx,
		`INSERT INTO `+b.table.name+` (`+b.table.names()+`) `+tuples(len(b.values), len(b.table.columns)), b.values...)
	if err != nil {
		return down(err)
	}
	b.values = b.values[:0]
	return nil
}
