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
