package server

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/mailer"
	"github.com/gatehouse/gatehouse/internal/mailqueue"
	"github.com/gatehouse/gatehouse/internal/notify"
)

// post is what the façade needs of what sends mails.
type post struct {
	mails     access.Mails
	announcer *notify.Announcer
	outcomes  *prometheus.CounterVec
}

const (
	// outboxPatience is how long writing a mail to a file may take.
	outboxPatience = 3 * time.Second
	// lookForMails is how often mails are looked for that fell due; of new ones
	// the queue tells by itself.
	lookForMails = time.Second
)

// mail puts together what follows changes and asks for mails, and what sends them.
// It must run before the first change that is not to be missed.
func (s *Server) mail(ctx context.Context, c config.Config, db *sql.DB, relationships access.Relationships, checker *checks.Checks, names keeper, public *url.URL) (post, error) {
	queue, err := mailqueue.New(ctx, db, time.Now)
	if err != nil {
		return post{}, err
	}
	sends, patience, err := s.mailer(c)
	if err != nil {
		return post{}, err
	}
	s.looked.wait("gatehouse_mails_oldest_pending_seconds", "How long the mail that waits longest has waited to be sent.", 0, queue.Oldest)
	mails := seam[access.Mails](queue)
	composer := &notify.Composer{
		Operations: s.Operations, Relationships: relationships, Checks: checker, People: names, Tokens: names, Mails: mails, PublicURL: public,
	}
	sender := &mailqueue.Sender{
		Queue: queue, Compose: composer.Compose, Mailer: seam(sends), Patience: patience, Poll: lookForMails, Log: s.log, Outcomes: mailqueue.NewOutcomes(),
	}
	s.followers = append(s.followers, sender)
	changes := &notify.Follower{Mails: mails}
	return post{mails, &notify.Announcer{Subjects: checker, Mails: mails, NewID: newID}, sender.Outcomes},
		s.follow(ctx, &follow.Follower{Name: "mail", Relationships: relationships, Cursors: names, Handle: changes.Handle})
}

func (s *Server) mailer(c config.Config) (_ access.Mailer, patience time.Duration, err error) {
	if c.SMTP.Addr == "" {
		outbox, err := mailer.NewOutbox(filepath.Join(c.DataDir, "outbox"), c.MailFrom, s.log)
		return outbox, outboxPatience, err
	}
	smtp, err := mailer.NewSMTP(mailer.Settings{
		Addr: c.SMTP.Addr, User: c.SMTP.User, Password: c.SMTP.Password, Security: mailer.Security(c.SMTP.TLS), CAFile: c.SMTP.CAFile,
		Timeout: c.SMTP.Timeout, From: c.MailFrom,
	})
	return smtp, c.SMTP.Timeout, err
}
