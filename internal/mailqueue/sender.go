package mailqueue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/access"
)

// A mail is tried again ever more slowly, and given up after a day.
const (
	firstPause  = 5 * time.Second
	longestWait = 30 * time.Minute
	givenUp     = 24 * time.Hour
)

// Sender sends what is in the queue, one mail at a time, in the order in which they
// fall due.
type Sender struct {
	Queue *Queue
	// Compose writes the mail. Errors: access.ErrMailPointless if there is
	// nothing to tell any more.
	Compose  func(context.Context, access.QueuedMail) (access.Mail, error)
	Mailer   access.Mailer
	Patience time.Duration // how long an attempt may take
	Poll     time.Duration // how often to look for mails that fell due
	Log      *slog.Logger
	Outcomes *prometheus.CounterVec // by kind and outcome
}

// NewOutcomes makes the counter of what became of attempts to send mails.
func NewOutcomes() *prometheus.CounterVec {
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_mails_total",
		Help: "Attempts to send mails, by kind and outcome: sent, retried, failed (given up or refused for good), dropped (not true any more).",
	}, []string{"kind", "outcome"})
	for _, kind := range access.MailKinds { // an increase is seen from zero only
		for _, outcome := range []string{"sent", "retried", "failed", "dropped"} {
			outcomes.WithLabelValues(string(kind), outcome)
		}
	}
	return outcomes
}

// Run sends until the context ends. A mail under way is then cut off and sent
// again by whoever runs next.
func (s *Sender) Run(ctx context.Context) {
	look := time.NewTicker(s.Poll)
	defer look.Stop()
	for {
		if err := s.SendDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("sending mails stopped, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.Queue.news:
		case <-look.C: // for what fell due, or was asked for by another process
		}
	}
}

// SendDue attempts every mail that is due. Errors: those of the queue.
func (s *Sender) SendDue(ctx context.Context) error {
	for ctx.Err() == nil {
		m, err := s.Queue.next(ctx, 2*s.Patience)
		if err != nil || m == nil {
			return err
		}
		if err := s.attempt(ctx, *m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sender) attempt(ctx context.Context, m access.QueuedMail) error {
	err := s.send(ctx, m)
	// What became of it is noted even if the server is told to stop meanwhile.
	ctx = context.WithoutCancel(ctx)
	now := s.Queue.now()
	log := s.Log.With("mail", m.ID, "kind", m.Kind, "attempt", m.Attempts)
	switch {
	case err == nil:
		log.Info("mail sent")
		s.count(m, "sent")
		return s.Queue.settle(ctx, m, access.MailSent, "")
	case errors.Is(err, access.ErrMailPointless):
		log.Info("mail dropped", "reason", err)
		s.count(m, "dropped")
		return s.Queue.settle(ctx, m, access.MailDropped, err.Error())
	case errors.Is(err, access.ErrMailRefused), now.Sub(m.QueuedAt) >= givenUp:
		log.Warn("mail failed for good", "error", err)
		s.count(m, "failed")
		return s.Queue.settle(ctx, m, access.MailFailed, err.Error())
	}
	due := now.Add(pause(m.Attempts))
	if last := m.QueuedAt.Add(givenUp); due.After(last) {
		due = last
	}
	log.Warn("mail not sent, trying again", "in", due.Sub(now), "error", err)
	s.count(m, "retried")
	return s.Queue.later(ctx, m, err.Error(), due)
}

func (s *Sender) send(ctx context.Context, m access.QueuedMail) error {
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	mail, err := s.Compose(ctx, m)
	if err != nil {
		return err
	}
	mail.ID = m.ID
	return s.Mailer.Send(ctx, mail)
}

// pause doubles with every attempt.
func pause(attempts int) time.Duration {
	return min(firstPause<<min(attempts-1, 20), longestWait)
}

func (s *Sender) count(m access.QueuedMail, outcome string) {
	s.Outcomes.WithLabelValues(string(m.Kind), outcome).Inc()
}
