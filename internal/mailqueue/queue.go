// Package mailqueue keeps what mails were asked for until they are sent, and sends
// them. The queue is a table beside the directory's, so that a crash at any instant
// loses no mail: one is asked for before whoever asks goes on, and is settled after
// it was sent.
//
// It stays behind when a server is exported: what is pending is sent by the server
// that was asked to.
package mailqueue

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Queue implements access.Mails.
type Queue struct {
	db   *sql.DB
	now  access.Clock
	news chan struct{} // holds something when a mail was asked for
}

var _ access.Mails = (*Queue)(nil)

// New keeps a queue in the database, whose tables it brings up to date.
// Errors: those of database.Migrate.
func New(ctx context.Context, db *sql.DB, now access.Clock) (*Queue, error) {
	if err := database.Migrate(ctx, db, "mail", migrations); err != nil {
		return nil, err
	}
	return &Queue{db: db, now: now, news: make(chan struct{}, 1)}, nil
}

// Tables says who owns the tables of the queue, and their newest version that this program knows.
func Tables() (owner string, newest int64) { return "mail", database.Newest(migrations) }

// down hides from callers what the driver said.
func down(err error) error { return access.Down("the directory", err) }

// Enqueue implements access.Mails.
func (q *Queue) Enqueue(ctx context.Context, orders ...access.MailOrder) error {
	if len(orders) == 0 {
		return nil
	}
	return q.atOnce(ctx, func(tx *sql.Tx) error { return q.insert(ctx, tx, orders) })
}

// Oldest tells since when the mail waits that waits longest; zero if none waits.
func (q *Queue) Oldest(ctx context.Context) (time.Time, error) {
	var oldest sql.NullInt64
	if err := q.db.QueryRowContext(ctx, `SELECT min(queued_at) FROM mails WHERE state = 'pending'`).Scan(&oldest); err != nil {
		return time.Time{}, down(err)
	}
	if !oldest.Valid {
		return time.Time{}, nil
	}
	return instant(oldest.Int64), nil
}

// atOnce runs all of what f does, or nothing.
func (q *Queue) atOnce(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return down(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to
	if err := f(tx); err != nil {
		return down(err)
	}
	if err := tx.Commit(); err != nil {
		return down(err)
	}
	select {
	case q.news <- struct{}{}:
	default: // whoever waits will be told already
	}
	return nil
}

func (q *Queue) insert(ctx context.Context, tx *sql.Tx, orders []access.MailOrder) error {
	const rows, columns = 500, 9
	now := q.now()
	for some := range slices.Chunk(orders, rows) {
		var tuples []string
		var values []any
		for i, o := range some {
			at := func(column int) int { return i*columns + column }
			tuples = append(tuples, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d, $%d, 'pending', 0, '', $%d, $%d)",
				at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9)))
			values = append(values, ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), o.Cause, string(o.Kind), o.Recipient,
				o.Object.Type, o.Object.ID, strings.Join(o.Roles, " "), now.UnixMicro(), now.UnixMicro())
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO mails (id, cause, kind, recipient_id, object_type, object_id, roles, state, attempts, fault, queued_at, due_at)
			VALUES `+strings.Join(tuples, ", ")+` ON CONFLICT DO NOTHING`, values...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Mails implements access.Mails.
func (q *Queue) Mails(ctx context.Context, state access.MailState, page access.Page) ([]access.QueuedMail, string, error) {
	after, err := page.After()
	if err != nil {
		return nil, "", err
	}
	if _, malformed := ulid.ParseStrict(after); after != "" && malformed != nil {
		return nil, "", access.Fail(access.Invalid, "malformed_cursor", "this cursor does not continue this list")
	}
	found, err := q.read(ctx, `($1 = '' OR state = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, string(state), after, page.Limit+1)
	if err != nil || len(found) <= page.Limit {
		return found, "", err
	}
	found = found[:page.Limit]
	return found, access.CursorAt(found[page.Limit-1].ID), nil
}

func (q *Queue) read(ctx context.Context, where string, args ...any) ([]access.QueuedMail, error) {
	rows, err := q.db.QueryContext(ctx, `
		SELECT id, cause, kind, recipient_id, object_type, object_id, roles, state, attempts, fault, queued_at, due_at, COALESCE(settled_at, 0)
		FROM mails WHERE `+where, args...)
	if err != nil {
		return nil, down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	var found []access.QueuedMail
	for rows.Next() {
		var m access.QueuedMail
		var roles string
		var queued, due, settled int64
		if err := rows.Scan(&m.ID, &m.Cause, &m.Kind, &m.Recipient, &m.Object.Type, &m.Object.ID, &roles, &m.State, &m.Attempts, &m.Fault,
			&queued, &due, &settled); err != nil {
			return nil, down(err)
		}
		m.Roles, m.QueuedAt, m.DueAt = strings.Fields(roles), instant(queued), instant(due)
		if settled != 0 {
			m.SettledAt = instant(settled)
		}
		found = append(found, m)
	}
	if err := rows.Err(); err != nil {
		return nil, down(err)
	}
	return found, nil
}

func instant(micro int64) time.Time { return time.UnixMicro(micro).UTC() }
