package mailqueue_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/mailqueue"
	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

// world is a queue, its clock, and a mail server that does as it is told.
type world struct {
	*mailqueue.Queue
	sender *mailqueue.Sender
	time   time.Time

	mu    sync.Mutex
	sent  []string // recipients
	fails error
}

// onEach runs a test on a queue in a file and on Postgres.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	open := map[string]func(t *testing.T) *sql.DB{
		"file": func(t *testing.T) *sql.DB {
			engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, engine.Close()) })
			return engine.DB()
		},
		"postgres": func(t *testing.T) *sql.DB {
			db, err := database.Open(t.Context(), postgres.Database(t))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, db.Close()) })
			return db
		},
	}
	for name, db := range open {
		t.Run(name, func(t *testing.T) {
			w := &world{time: time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)}
			var err error
			w.Queue, err = mailqueue.New(t.Context(), db(t), func() time.Time { return w.time })
			require.NoError(t, err)
			w.sender = &mailqueue.Sender{
				Queue: w.Queue, Mailer: w, Patience: 10 * time.Second, Log: slog.New(slog.DiscardHandler), Outcomes: mailqueue.NewOutcomes(),
				Compose: func(_ context.Context, m access.QueuedMail) (access.Mail, error) {
					return access.Mail{Subject: m.Recipient}, nil
				},
			}
			test(t, w)
		})
	}
}

func (w *world) Send(_ context.Context, m access.Mail) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m.Subject)
	return w.fails
}

func (w *world) only(t *testing.T) access.QueuedMail {
	t.Helper()
	all, _, err := w.Mails(t.Context(), "", access.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

func order(recipient string) access.MailOrder {
	return access.MailOrder{
		Cause: "moment", Kind: access.MailRoleGranted, Recipient: recipient,
		Object: access.Object{Type: "project", ID: "p1"}, Roles: []string{"project_admin", "project_member"},
	}
}

func TestOneCauseMakesOneMail(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		var running sync.WaitGroup
		for range 20 {
			running.Go(func() { assert.NoError(t, w.Enqueue(t.Context(), order("ann"))) })
		}
		running.Wait()
		m := w.only(t)
		assert.Equal(t, order("ann"), m.MailOrder)
		assert.Equal(t, access.MailPending, m.State)

		require.NoError(t, w.sender.SendDue(t.Context()))
		require.NoError(t, w.Enqueue(t.Context(), order("ann")), "nor after it was sent")
		require.NoError(t, w.sender.SendDue(t.Context()))
		assert.Equal(t, []string{"ann"}, w.sent)
		m = w.only(t)
		assert.Equal(t, access.MailSent, m.State)
		assert.Equal(t, w.time, m.SettledAt)
	})
}

// TestFailingMailIsGivenUpAfterADay and tried ever more slowly until then.
func TestFailingMailIsGivenUpAfterADay(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		begun := w.time
		require.NoError(t, w.Enqueue(t.Context(), order("ann")))
		w.fails = errors.New("connection refused")
		var pauses []time.Duration
		for {
			require.NoError(t, w.sender.SendDue(t.Context()))
			m := w.only(t)
			assert.Equal(t, "connection refused", m.Fault)
			if m.State != access.MailPending {
				assert.Equal(t, access.MailFailed, m.State)
				break
			}
			pauses = append(pauses, m.DueAt.Sub(w.time))
			w.time = m.DueAt
		}
		assert.Equal(t, 24*time.Hour, w.time.Sub(begun))
		assert.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}, pauses[:3])
		for i := range pauses[:len(pauses)-2] {
			assert.LessOrEqual(t, pauses[i], pauses[i+1])
		}
		assert.Less(t, len(pauses), 80)
	})
}

func TestRefusedMailFailsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		require.NoError(t, w.Enqueue(t.Context(), order("ann")))
		w.fails = fmt.Errorf("550: %w", access.ErrMailRefused)
		require.NoError(t, w.sender.SendDue(t.Context()))
		assert.Equal(t, access.MailFailed, w.only(t).State)
	})
}

// TestLostAttemptIsMadeAgain by another process, once the first had its time.
func TestLostAttemptIsMadeAgain(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		require.NoError(t, w.Enqueue(t.Context(), order("ann")))
		other := *w.sender
		other.Compose = func(context.Context, access.QueuedMail) (access.Mail, error) {
			// While it is under way, nobody else has a mail to send.
			assert.NoError(t, w.sender.SendDue(t.Context()))
			assert.Empty(t, w.sent)
			w.time = w.time.Add(20 * time.Second)
			return access.Mail{}, w.sender.SendDue(t.Context())
		}
		require.NoError(t, other.SendDue(t.Context()))
		assert.Equal(t, "ann", w.sent[0])
		assert.Equal(t, access.MailSent, w.only(t).State)
	})
}

func announcement(id string) access.Announcement {
	return access.Announcement{
		ID: id, Kind: access.MailTechnicalInformation, Account: access.Object{Type: access.TypeCustomerAccount, ID: "acme"},
		Subject: map[access.Language]string{access.English: "News"}, Text: map[access.Language]string{access.English: "All is well."},
	}
}

// TestNINE10_AnnouncementIsMadeOnce and forgotten when its last mail is settled.
func TestNINE10_AnnouncementIsMadeOnce(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		recipients := make([]string, 1200)
		for i := range recipients {
			recipients[i] = fmt.Sprint("person-", i)
		}
		var running sync.WaitGroup
		for range 5 {
			running.Go(func() {
				mails, err := w.Announce(t.Context(), announcement("a"), recipients)
				assert.NoError(t, err)
				assert.Equal(t, len(recipients), mails)
			})
		}
		running.Wait()
		mails, err := w.Announce(t.Context(), announcement("a"), append(recipients, "newcomer"))
		require.NoError(t, err)
		assert.Equal(t, len(recipients), mails, "it stays as it was")
		kept, err := w.Announcement(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, announcement("a"), kept)

		require.NoError(t, w.sender.SendDue(t.Context()))
		assert.ElementsMatch(t, recipients, w.sent)
		_, err = w.Announcement(t.Context(), "a")
		require.True(t, access.IsKind(err, access.NotFound), "%v", err)
		mails, err = w.Announce(t.Context(), announcement("a"), recipients)
		require.NoError(t, err)
		assert.Equal(t, len(recipients), mails)
		require.NoError(t, w.sender.SendDue(t.Context()))
		assert.Len(t, w.sent, len(recipients))

		// A month later nothing of it is left to look up.
		w.time = w.time.Add(31 * 24 * time.Hour)
		for i := range 150 {
			require.NoError(t, w.Enqueue(t.Context(), order(fmt.Sprint(i))))
		}
		require.NoError(t, w.sender.SendDue(t.Context()))
		left, _, err := w.Mails(t.Context(), "", access.Page{Limit: 2000})
		require.NoError(t, err)
		assert.Len(t, left, 150)
	})
}

func TestMailsArePaged(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		for i := range 25 {
			require.NoError(t, w.Enqueue(t.Context(), order(fmt.Sprint(i))))
		}
		seen := map[string]bool{}
		page := access.Page{Limit: 10}
		for {
			mails, next, err := w.Mails(t.Context(), access.MailPending, page)
			require.NoError(t, err)
			for _, m := range mails {
				assert.False(t, seen[m.ID])
				seen[m.ID] = true
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		assert.Len(t, seen, 25)
		for _, cursor := range []string{"A", "YQ==", "_w", "§"} {
			_, _, err := w.Mails(t.Context(), "", access.Page{Limit: 10, Cursor: cursor})
			require.True(t, access.HasCode(err, "malformed_cursor"), "%v", err)
		}
	})
}
