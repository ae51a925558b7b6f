package audit

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Cursor implements access.Cursors, for one follower by whatever name.
func (l *Log) Cursor(ctx context.Context, _ string) (access.Token, error) {
	at, err := cursor(l.db.QueryRowContext(ctx, selectCursor))
	l.at = at
	return at, err
}

// SetCursor implements access.Cursors. Behind an event there is nothing to do: the
// place moved with it.
func (l *Log) SetCursor(ctx context.Context, _ string, at access.Token) error {
	if at == l.at {
		return nil
	}
	return l.move(ctx, at, func(*sql.Tx) error { return nil })
}

// move records something and the place behind it, both or neither: so a copy of
// the database never holds an event that will be told again, by another name, to
// whoever goes on from the copy.
//
// On Postgres the place is also what servers that follow at once queue for.
func (l *Log) move(ctx context.Context, at access.Token, record func(*sql.Tx) error) error {
	err := within(ctx, l.db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO audit_cursor (one, token) VALUES (1, $1)
			ON CONFLICT (one) DO UPDATE SET token = excluded.token`, string(at)); err != nil {
			return down(err)
		}
		return record(tx)
	})
	if err == nil {
		l.at = at
	}
	return err
}

const selectCursor = `SELECT token FROM audit_cursor`

func cursor(row *sql.Row) (at access.Token, err error) {
	if err := row.Scan(&at); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", down(err)
	}
	return at, nil
}

// MoveCursor has the token in which the audit keeps its place issued anew.
// Errors: those of database.Migrate, Unavailable, those of the function.
func MoveCursor(ctx context.Context, db *sql.DB, anew func(access.Token) (access.Token, error)) error {
	if err := migrate(ctx, db); err != nil {
		return err
	}
	at, err := cursor(db.QueryRowContext(ctx, selectCursor))
	if err != nil || at == "" {
		return err
	}
	if at, err = anew(at); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `UPDATE audit_cursor SET token = $1`, string(at))
	return down(err)
}
