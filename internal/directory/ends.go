package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Ends = (*Directory)(nil)

const thisEnd = ` WHERE resource_type = $1 AND resource_id = $2 AND relation = $3 AND subject_type = $4 AND subject_id = $5`

func endKey(r access.Relationship) []any {
	return []any{r.Resource.Type, r.Resource.ID, r.Relation, r.Subject.Type, r.Subject.ID}
}

// SetEnd implements access.Ends.
func (d *Directory) SetEnd(ctx context.Context, r access.Relationship) error {
	if r.EndsAt.IsZero() {
		_, err := d.exec(ctx, `DELETE FROM role_ends`+thisEnd, endKey(r)...)
		return err
	}
	_, err := d.exec(ctx, `
		INSERT INTO role_ends (resource_type, resource_id, relation, subject_type, subject_id, ends_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (resource_type, resource_id, relation, subject_type, subject_id) DO UPDATE SET ends_at = excluded.ends_at`,
		append(endKey(r), r.EndsAt.UnixMicro())...)
	return err
}

// ForgetEnd implements access.Ends.
func (d *Directory) ForgetEnd(ctx context.Context, r access.Relationship) error {
	_, err := d.exec(ctx, `DELETE FROM role_ends`+thisEnd+` AND ends_at = $6`, append(endKey(r), r.EndsAt.UnixMicro())...)
	return err
}

// DueEnds implements access.Ends.
func (d *Directory) DueEnds(ctx context.Context, limit int) (due []access.Relationship, next time.Time, err error) {
	now := d.now().UnixMicro()
	rows, err := d.db.QueryContext(ctx, `
		SELECT resource_type, resource_id, relation, subject_type, subject_id, ends_at FROM role_ends
		WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2`, now, limit)
	if err != nil {
		return nil, time.Time{}, down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	for rows.Next() {
		var r access.Relationship
		var endsAt int64
		if err := rows.Scan(&r.Resource.Type, &r.Resource.ID, &r.Relation, &r.Subject.Type, &r.Subject.ID, &endsAt); err != nil {
			return nil, time.Time{}, down(err)
		}
		r.EndsAt = instant(endsAt)
		due = append(due, r)
	}
	if err := rows.Err(); err != nil {
		return nil, time.Time{}, down(err)
	}
	var first sql.NullInt64
	err = d.db.QueryRowContext(ctx, `SELECT min(ends_at) FROM role_ends WHERE ends_at > $1`, now).Scan(&first)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, down(err)
	}
	if first.Valid {
		next = instant(first.Int64)
	}
	return due, next, nil
}
