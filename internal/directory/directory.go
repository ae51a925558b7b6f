// Package directory keeps what people and objects are called, who was invited,
// and what was answered to whom. It is the only home of personal data and holds
// no authorization facts.
//
// Every method is a few single statements rather than a transaction: each leaves
// a state that another call can go on from, whoever runs beside it.
package directory

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Exists reports whether an object was created, that is, has relationships.
type Exists func(ctx context.Context, o access.Object) (bool, error)

// Directory implements the ports of package access that concern names.
type Directory struct {
	db     *sql.DB
	now    access.Clock
	exists Exists
}

// New keeps a directory in the database, whose tables it brings up to date.
// Errors: those of database.Migrate, Conflict (unfinished_import).
func New(ctx context.Context, db *sql.DB, now access.Clock, exists Exists) (*Directory, error) {
	if err := prepare(ctx, db); err != nil {
		return nil, err
	}
	return &Directory{db: db, now: now, exists: exists}, nil
}

// down hides from callers what the driver said.
func down(err error) error { return access.Down("the directory", err) }

// exec runs a statement and reports whether it changed anything.
func (d *Directory) exec(ctx context.Context, statement string, args ...any) (changed bool, err error) {
	result, err := d.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, down(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, down(err)
	}
	return n > 0, nil
}

// row is what a *sql.Row and *sql.Rows have in common.
type row interface{ Scan(into ...any) error }

// each hands every row of the query to scan. The query asks for keys of so many
// columns "IN (%s)" and runs once per batch of them.
func (d *Directory) each(ctx context.Context, query string, columns int, keys []any, scan func(row) error) error {
	const batch = 500
	for keys := range slices.Chunk(keys, batch*columns) {
		rows, err := d.db.QueryContext(ctx, fmt.Sprintf(query, tuples(len(keys), columns)), keys...)
		if err != nil {
			return down(err)
		}
		for rows.Next() {
			if err := scan(rows); err != nil {
				_ = rows.Close()
				return down(err)
			}
		}
		if err := rows.Err(); err != nil {
			return down(err)
		}
	}
	return nil
}

// tuples lists binds: n of them, by columns.
func tuples(n, columns int) string {
	var b strings.Builder
	b.WriteString("VALUES ")
	for i := range n {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteString(")")
	return b.String()
}

// binds turns keys into arguments of a query.
func binds(keys []string) []any {
	args := make([]any, len(keys))
	for i, key := range keys {
		args[i] = key
	}
	return args
}

func instant(micro int64) time.Time { return time.UnixMicro(micro).UTC() }
