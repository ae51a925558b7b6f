package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// ListMails says what became of mails, and nothing of what they said.
func (a *api) ListMails(ctx context.Context, r ListMailsRequestObject) (ListMailsResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	if s := r.Params.Status; s != "" && !s.Valid() {
		return nil, access.Fail(access.Invalid, "invalid_status", "there is no such status of a mail")
	}
	found, next, err := a.Mails.Mails(ctx, access.MailState(r.Params.Status), page)
	if err != nil {
		return nil, err
	}
	body := ListMails200JSONResponse{Mails: make([]Mail, len(found)), NextCursor: next}
	for i, m := range found {
		body.Mails[i] = mailBody(m)
	}
	return body, nil
}

func mailBody(m access.QueuedMail) Mail {
	body := Mail{
		ID: m.ID, Kind: MailKind(m.Kind), Status: MailStatus(m.State), Attempts: m.Attempts, Fault: m.Fault, QueuedAt: m.QueuedAt,
		Recipient: Reference{Type: access.TypeUser, ID: m.Recipient}, Object: Reference{Type: m.Object.Type, ID: m.Object.ID},
	}
	if m.State == access.MailPending {
		body.NextAttemptAt = &m.DueAt
	} else {
		body.SettledAt = &m.SettledAt
	}
	return body
}

// Announce mails information to those of an account it is meant for (NINE-10).
func (a *api) Announce(ctx context.Context, r AnnounceRequestObject) (AnnounceResponseObject, error) {
	announced, err := a.Announcements.Announce(ctx, caller(ctx), r.Params.IdempotencyKey, access.Announcement{
		Kind:    access.MailKind(r.Body.Kind),
		Account: access.Object{Type: access.TypeCustomerAccount, ID: r.ID},
		Subject: map[access.Language]string{access.English: r.Body.Subject.En, access.German: r.Body.Subject.De},
		Text:    map[access.Language]string{access.English: r.Body.Text.En, access.German: r.Body.Text.De},
	})
	if err != nil {
		return nil, err
	}
	return Announce201JSONResponse{
		ID: announced.ID, Kind: AnnouncementKind(r.Body.Kind), Mails: announced.Mails, WrittenAt: string(announced.ReadAt),
	}, nil
}
