// Package mailer sends mail: through a mail server or, without one, into a folder
// where whoever tries Gatehouse can open it.
package mailer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/oklog/ulid/v2"
	"github.com/wneessen/go-mail"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Outbox writes each mail to a file of its own.
type Outbox struct {
	dir  string
	from string
	log  *slog.Logger
}

var _ access.Mailer = (*Outbox)(nil)

// NewOutbox writes mails from that sender into a folder, which it makes if need be.
func NewOutbox(dir, from string, log *slog.Logger) (*Outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the outbox: %w", err)
	}
	return &Outbox{dir: dir, from: from, log: log}, nil
}

// Send writes the mail to <dir>/<id>.eml. The file appears whole or not at all.
func (o *Outbox) Send(_ context.Context, m access.Mail) error {
	// Unencoded, so that a link can be copied out of the file as it stands.
	message, err := compose(o.from, m, mail.NoEncoding)
	if err != nil {
		return err
	}
	path := filepath.Join(o.dir, ulid.Make().String()+".eml")
	part := path + ".part"
	if err := message.WriteToFile(part); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	o.log.Info("mail written", "kind", m.Kind, "file", path)
	return nil
}
