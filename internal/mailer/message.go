package mailer

import (
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/gatehouse/gatehouse/internal/access"
)

// compose lays a mail out as text with HTML beside it. A mail that is sent again has
// the same Message-ID, by which mailboxes tell it for the same.
func compose(from string, m access.Mail, text mail.Encoding) (*mail.Msg, error) {
	message := mail.NewMsg(mail.WithEncoding(text), mail.WithNoDefaultUserAgent())
	if err := message.From(from); err != nil {
		return nil, fmt.Errorf("mail sender: %w", err)
	}
	if err := message.To(string(m.To)); err != nil {
		return nil, fmt.Errorf("the recipient has no address that mail can be sent to: %w", access.ErrMailRefused)
	}
	sender, err := message.GetSender(false)
	if err != nil {
		return nil, fmt.Errorf("mail sender: %w", err)
	}
	message.Subject(m.Subject)
	message.SetDateWithValue(time.Now())
	message.SetMessageIDWithValue(m.ID + sender[strings.LastIndexByte(sender, '@'):])
	message.SetGenHeader("Auto-Submitted", "auto-generated") // so that no absence is answered
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(mail.TypeTextHTML, m.HTML, mail.WithPartEncoding(mail.EncodingB64))
	}
	return message, nil
}
