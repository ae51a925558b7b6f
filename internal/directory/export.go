package directory

import (
	"context"
	"database/sql"
	"iter"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Export yields every row that travels, as it was at one moment. The kind of a
// record is its table. It may end with Unavailable.
func (a *Archive) Export(ctx context.Context) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		tx, err := a.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		if err != nil {
			yield(access.Record{}, down(err))
			return
		}
		defer func() { _ = tx.Rollback() }() // nothing was written
		for _, t := range travelling {
			if wanted, err := t.export(ctx, tx, yield); err != nil {
				yield(access.Record{}, down(err))
				return
			} else if !wanted {
				return
			}
		}
	}
}

func (t table) export(ctx context.Context, tx *sql.Tx, yield func(access.Record, error) bool) (wanted bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+t.names()+` FROM `+t.name)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	values := t.values()
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return false, err
		}
		row, err := t.encode(values)
		if err != nil {
			return false, err
		}
		if !yield(access.Record{Kind: t.name, JSON: row}, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}
