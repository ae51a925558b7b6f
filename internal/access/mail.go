package access

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/internal/email"
)

// MailKind is what a mail is about.
type MailKind string

// The kinds of mail.
const (
	MailInvitation           MailKind = "invitation"
	MailRoleGranted          MailKind = "role_granted"
	MailRoleEnded            MailKind = "role_ended"
	MailShareGiven           MailKind = "share_given"           // NEZ-7
	MailTechnicalInformation MailKind = "technical_information" // NINE-10
	MailImportantInformation MailKind = "important_information" // NINE-10
)

// MailKinds are all of them.
var MailKinds = []MailKind{
	MailInvitation, MailRoleGranted, MailRoleEnded, MailShareGiven, MailTechnicalInformation, MailImportantInformation,
}

// Mail is a message to one person.
type Mail struct {
	ID      string // the same whenever it is sent again
	Kind    MailKind
	To      email.Address
	Subject string
	Text    string
	HTML    string
}

// Mailer sends mail. A mail is sent once Send returns nil; after an error it may
// or may not have been.
// Errors: ErrMailRefused if it is no use trying again. No error tells who the mail
// was for.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// ErrMailRefused says that a mail was refused for good.
var ErrMailRefused = errors.New("refused for good")

// ErrMailPointless says that what a mail was to tell is not so any more.
var ErrMailPointless = errors.New("not true any more")

// MailOrder asks for a mail. It holds references alone: the text is composed when
// the mail is sent, so that it is true, in the language the person wants by then,
// and so that no secret waits in a queue.
type MailOrder struct {
	Cause     string // the moment of the change it follows from, or an announcement
	Kind      MailKind
	Recipient string // id of the person
	Object    Object
	Roles     []string // ids of the roles it is about
}

// MailState is how far a mail has come.
type MailState string

// The states.
const (
	MailPending MailState = "pending"
	MailSent    MailState = "sent"
	MailFailed  MailState = "failed"  // refused for good, or given up
	MailDropped MailState = "dropped" // pointless before it could be sent
)

// QueuedMail is a mail that was asked for.
type QueuedMail struct {
	MailOrder
	ID        string
	State     MailState
	Attempts  int
	Fault     string // of the last attempt
	QueuedAt  time.Time
	DueAt     time.Time // pending: of the next attempt
	SettledAt time.Time // zero while pending
}

// Announcement is what staff tell the holders of a role on an account (NINE-10),
// by language. English is always there.
type Announcement struct {
	ID      string
	Kind    MailKind
	Account Object
	Subject map[Language]string
	Text    map[Language]string
}

// Mails is the queue of mails. Every method may fail with Unavailable.
type Mails interface {
	// Enqueue asks for all of the mails or none. One that was asked for
	// before, of the same cause, kind, recipient and object, is not again.
	Enqueue(ctx context.Context, orders ...MailOrder) error
	// Announce keeps an announcement and asks for a mail of it to each of the
	// persons. One that was announced before stays as it was; how many mails
	// it came to is returned.
	Announce(ctx context.Context, a Announcement, recipients []string) (mails int, err error)
	// Announcement fails with NotFound (not_found) once all its mails are settled.
	Announcement(ctx context.Context, id string) (Announcement, error)
	// Mails returns a page of the mails in a state, newest first; an empty
	// state means any. Errors: Invalid (malformed_cursor).
	Mails(ctx context.Context, state MailState, page Page) (mails []QueuedMail, next string, err error)
}
