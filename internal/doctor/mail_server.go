package doctor

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/mailer"
)

// mailServer signs in at the mail server, and sends nothing.
func mailServer(ctx context.Context, e *examination) {
	server, err := mailer.NewSMTP(mailer.Settings{
		Addr: e.SMTP.Addr, User: e.SMTP.User, Password: e.SMTP.Password, Security: mailer.Security(e.SMTP.TLS), CAFile: e.SMTP.CAFile,
		Timeout: e.SMTP.Timeout, From: e.MailFrom,
	})
	if err == nil {
		err = server.Reach(ctx)
	}
	if err != nil {
		e.problem("unreachable", "start the mail server that --smtp-addr names, or correct the settings that begin with smtp-", "mails wait, for a day at most: %s does not let this server in: %v", e.SMTP.Addr, err)
	}
}
