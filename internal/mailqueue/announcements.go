package mailqueue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Announce implements access.Mails.
func (q *Queue) Announce(ctx context.Context, a access.Announcement, recipients []string) (mails int, err error) {
	subject, err := json.Marshal(a.Subject)
	if err != nil {
		return 0, err
	}
	content, err := json.Marshal(a.Text)
	if err != nil {
		return 0, err
	}
	err = q.atOnce(ctx, func(tx *sql.Tx) error {
		if err := count(ctx, tx, a.ID, &mails); err != nil || mails > 0 || len(recipients) == 0 {
			return err
		}
		kept, err := tx.ExecContext(ctx, `
			INSERT INTO announcements (id, kind, account_id, subject, content) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			a.ID, string(a.Kind), a.Account.ID, string(subject), string(content))
		if err != nil {
			return err
		}
		// Of two at once, one waits here for the other to commit.
		if news, err := kept.RowsAffected(); err != nil || news == 0 {
			return errors.Join(err, count(ctx, tx, a.ID, &mails))
		}
		orders := make([]access.MailOrder, len(recipients))
		for i, recipient := range recipients {
			orders[i] = access.MailOrder{Cause: a.ID, Kind: a.Kind, Recipient: recipient, Object: a.Account}
		}
		if err := q.insert(ctx, tx, orders); err != nil {
			return err
		}
		return count(ctx, tx, a.ID, &mails)
	})
	return mails, err
}

func count(ctx context.Context, tx *sql.Tx, cause string, mails *int) error {
	return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM mails WHERE cause = $1`, cause).Scan(mails)
}

// Announcement implements access.Mails.
func (q *Queue) Announcement(ctx context.Context, id string) (access.Announcement, error) {
	a := access.Announcement{ID: id, Account: access.Object{Type: access.TypeCustomerAccount}}
	var subject, content []byte
	err := q.db.QueryRowContext(ctx, `SELECT kind, account_id, subject, content FROM announcements WHERE id = $1`, id).
		Scan(&a.Kind, &a.Account.ID, &subject, &content)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return a, access.Fail(access.NotFound, "not_found", "there is no such announcement any more")
	case err != nil:
		return a, down(err)
	}
	return a, errors.Join(json.Unmarshal(subject, &a.Subject), json.Unmarshal(content, &a.Text))
}

// forget drops the texts of an announcement of which no mail is pending.
func (q *Queue) forget(ctx context.Context, id string) error {
	_, err := q.db.ExecContext(ctx, `
		DELETE FROM announcements WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM mails WHERE cause = $1 AND state = 'pending')`, id)
	if err != nil {
		return down(err)
	}
	return nil
}
