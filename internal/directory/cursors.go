package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Cursors = (*Directory)(nil)

// Cursor implements access.Cursors.
func (d *Directory) Cursor(ctx context.Context, follower string) (access.Token, error) {
	var at access.Token
	err := d.db.QueryRowContext(ctx, `SELECT token FROM cursors WHERE follower = $1`, follower).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", down(err)
	}
	return at, nil
}

// SetCursor implements access.Cursors.
func (d *Directory) SetCursor(ctx context.Context, follower string, at access.Token) error {
	_, err := d.exec(ctx, `
		INSERT INTO cursors (follower, token) VALUES ($1, $2)
		ON CONFLICT (follower) DO UPDATE SET token = excluded.token`, follower, string(at))
	return err
}

// MoveCursors has the tokens in which the directory keeps its followers' places
// issued anew, all or none.
// Errors: those of OpenArchive, those of the function.
func MoveCursors(ctx context.Context, db *sql.DB, anew func(access.Token) (access.Token, error)) error {
	if err := prepare(ctx, db); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return down(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to
	rows, err := tx.QueryContext(ctx, `SELECT follower, token FROM cursors`)
	if err != nil {
		return down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	cursors := map[string]access.Token{}
	for rows.Next() {
		var follower string
		var at access.Token
		if err := rows.Scan(&follower, &at); err != nil {
			return down(err)
		}
		if cursors[follower], err = anew(at); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return down(err)
	}
	for follower, at := range cursors {
		if _, err := tx.ExecContext(ctx, `UPDATE cursors SET token = $1 WHERE follower = $2`, string(at), follower); err != nil {
			return down(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return down(err)
	}
	return nil
}
