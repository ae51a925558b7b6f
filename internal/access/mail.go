package access

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/email"
)

// Mail is a message to one person.
type Mail struct {
	Kind    string // what it is about, for the log: "invitation"
	To      email.Address
	Subject string
	Text    string
}

// Mailer sends mail. A mail is sent once Send returns nil; after an error it may
// or may not have been.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}
