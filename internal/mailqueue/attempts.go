package mailqueue

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// keptFor is how long it can be looked up what became of a mail. It is longer than
// an Idempotency-Key lasts, so that a repeated announcement finds its mails.
const keptFor = 30 * 24 * time.Hour

// next returns the mail that is due first, and lets nobody else attempt it for as
// long as the lease; nil if none is due.
func (q *Queue) next(ctx context.Context, lease time.Duration) (*access.QueuedMail, error) {
	for {
		now := q.now()
		due, err := q.read(ctx, `state = 'pending' AND due_at <= $1 ORDER BY due_at, id LIMIT 1`, now.UnixMicro())
		if err != nil || len(due) == 0 {
			return nil, err
		}
		m := due[0]
		m.Attempts++
		claimed, err := q.exec(ctx, `
			UPDATE mails SET attempts = $2, due_at = $3 WHERE id = $1 AND state = 'pending' AND due_at = $4`,
			m.ID, m.Attempts, now.Add(lease).UnixMicro(), m.DueAt.UnixMicro())
		if err != nil || claimed {
			return &m, err
		}
	}
}

// later notes that an attempt failed, and when there is to be another.
func (q *Queue) later(ctx context.Context, m access.QueuedMail, fault string, due time.Time) error {
	_, err := q.exec(ctx, `UPDATE mails SET fault = $2, due_at = $3 WHERE id = $1 AND state = 'pending'`, m.ID, fault, due.UnixMicro())
	return err
}

// settle notes what became of a mail, and forgets what is not needed any more.
func (q *Queue) settle(ctx context.Context, m access.QueuedMail, state access.MailState, fault string) error {
	now := q.now()
	if _, err := q.exec(ctx, `UPDATE mails SET state = $2, fault = $3, settled_at = $4 WHERE id = $1 AND state = 'pending'`,
		m.ID, string(state), fault, now.UnixMicro()); err != nil {
		return err
	}
	if _, err := q.exec(ctx, `
		DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE settled_at <= $1 ORDER BY settled_at LIMIT 10)`,
		now.Add(-keptFor).UnixMicro()); err != nil {
		return err
	}
	return q.forget(ctx, m.Cause)
}

// exec runs a statement and reports whether it changed anything.
func (q *Queue) exec(ctx context.Context, statement string, args ...any) (changed bool, err error) {
	result, err := q.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, down(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, down(err)
	}
	return n > 0, nil
}
