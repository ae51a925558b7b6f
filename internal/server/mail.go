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
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/follow"
	"github.com/gatehouse/gatehouse/internal/mailer"
	"github.com/gatehouse/gatehouse/internal/mailqueue"
	"github.com/gatehouse/gatehouse/internal/notify"
	"github.com/gatehouse/gatehouse/internal/relationships"
)

// post is what the façade needs of what sends mails.
type post struct {
	queue     *mailqueue.Queue
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
func (s *Server) mail(ctx context.Context, c config.Config, db *sql.DB, gateway *relationships.Gateway, checker *checks.Checks, names *directory.Directory, public *url.URL) (post, error) {
	queue, err := mailqueue.New(ctx, db, time.Now)
	if err != nil {
		return post{}, err
	}
	sends, patience, err := s.mailer(c)
	if err != nil {
		return post{}, err
	}
	composer := &notify.Composer{
		Operations: s.Operations, Relationships: gateway, Checks: checker, People: names, Tokens: names, Mails: queue, PublicURL: public,
	}
	sender := &mailqueue.Sender{
		Queue: queue, Compose: composer.Compose, Mailer: sends, Patience: patience, Poll: lookForMails, Log: s.log, Outcomes: mailqueue.NewOutcomes(),
	}
	changes := &notify.Follower{Mails: queue}
	following := &follow.Follower{Name: "mail", Relationships: gateway, Cursors: names, Handle: changes.Handle, Log: s.log}
	s.followers = append(s.followers, following, sender)
	return post{queue, &notify.Announcer{Subjects: checker, Mails: queue, NewID: newID}, sender.Outcomes}, following.Prepare(ctx)
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
