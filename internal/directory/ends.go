package directory

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Ends = (*Directory)(nil)

func endKey(r access.Relationship) []any {
	return []any{r.Resource.Type, r.Resource.ID, r.Relation, r.Subject.Type, r.Subject.ID, r.EndsAt.UnixMicro()}
}

// AddEnd implements access.Ends.
func (d *Directory) AddEnd(ctx context.Context, r access.Relationship, reach access.Reach) error {
	_, err := d.exec(ctx, `
		INSERT INTO ends (resource_type, resource_id, relation, subject_type, subject_id, ends_at, reach) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`, append(endKey(r), reach.String())...)
	return err
}

// ForgetEnd implements access.Ends.
func (d *Directory) ForgetEnd(ctx context.Context, r access.Relationship) error {
	_, err := d.exec(ctx, `
		DELETE FROM ends WHERE resource_type = $1 AND resource_id = $2 AND relation = $3 AND subject_type = $4 AND subject_id = $5 AND ends_at = $6`,
		endKey(r)...)
	return err
}

// DueEnds implements access.Ends.
func (d *Directory) DueEnds(ctx context.Context, limit int) (due []access.Relationship, next time.Time, err error) {
	now := d.now().UnixMicro()
	rows, err := d.db.QueryContext(ctx, `
		SELECT resource_type, resource_id, relation, subject_type, subject_id, ends_at FROM ends
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
	next, err = d.first(ctx, `SELECT min(ends_at) FROM ends WHERE ends_at > $1`, now)
	return due, next, err
}

// FirstEnd implements access.Ends.
func (d *Directory) FirstEnd(ctx context.Context, reaches ...access.Reach) (time.Time, error) {
	// One seek of the index for each; a min over several would read all of them.
	query, keys := "", make([]any, len(reaches))
	for i, reach := range reaches {
		if i > 0 {
			query += ` UNION ALL `
		}
		query += `SELECT min(ends_at) AS first FROM ends WHERE reach = $` + string(rune('1'+i))
		keys[i] = reach.String()
	}
	return d.first(ctx, `SELECT min(first) FROM (`+query+`) AS firsts`, keys...)
}

// first is the one instant that a query finds; zero if it finds none.
func (d *Directory) first(ctx context.Context, query string, args ...any) (time.Time, error) {
	var found sql.NullInt64
	if err := d.db.QueryRowContext(ctx, query, args...).Scan(&found); err != nil {
		return time.Time{}, down(err)
	}
	if !found.Valid {
		return time.Time{}, nil
	}
	return instant(found.Int64), nil
}
