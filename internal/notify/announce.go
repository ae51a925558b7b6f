package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse/gatehouse/internal/access"
)

// receivers names the permission that makes somebody a recipient (NINE-10).
var receivers = map[access.MailKind]string{
	access.MailTechnicalInformation: "receive_technical_information",
	access.MailImportantInformation: "receive_important_information",
}

// Bounds of an announcement, in characters.
const (
	maxSubject = 200
	maxContent = 10_000
)

// Subjects finds who has a permission.
type Subjects interface {
	LookupSubjects(ctx context.Context, resource access.Object, permission, subjectType string, page access.Page) (access.Lookup, error)
}

// Announcer tells the right people of an account what concerns them (NINE-10).
type Announcer struct {
	Subjects Subjects
	Mails    access.Mails
	NewID    func() string
}

// Announced says what an announcement came to.
type Announced struct {
	ID     string
	Mails  int
	ReadAt access.Token // the moment at which recipients were found
}

// Announce asks for one mail to each person who receives such information about the
// account, now. With a key, the same announcement of the same author is made once,
// even if the server dies between the queue and its answer.
// Errors: Invalid (invalid_kind, invalid_subject, invalid_text).
func (n *Announcer) Announce(ctx context.Context, author access.Object, key string, a access.Announcement) (Announced, error) {
	permission, ok := receivers[a.Kind]
	if !ok {
		return Announced{}, access.Fail(access.Invalid, "invalid_kind", "kind must be technical_information or important_information")
	}
	if err := checkWords(&a); err != nil {
		return Announced{}, err
	}
	var recipients []string
	page := access.Page{Limit: 1000}
	for {
		found, err := n.Subjects.LookupSubjects(ctx, a.Account, permission, access.TypeUser, page)
		if err != nil {
			return Announced{}, err
		}
		recipients = append(recipients, found.IDs...)
		if page.Cursor = found.Next; page.Cursor == "" {
			a.ID = n.id(author, key, a)
			mails, err := n.Mails.Announce(ctx, a, recipients)
			return Announced{ID: a.ID, Mails: mails, ReadAt: found.CheckedAt}, err
		}
	}
}

// id is the same for the same announcement under the same key.
func (n *Announcer) id(author access.Object, key string, a access.Announcement) string {
	if key == "" {
		return n.NewID()
	}
	text, _ := json.Marshal([]any{author.String(), key, a}) // of maps and texts, in order
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func checkWords(a *access.Announcement) error {
	for _, c := range []struct {
		field, code string
		words       map[access.Language]string
		most        int
		lines       bool
	}{
		{"subject", "invalid_subject", a.Subject, maxSubject, false},
		{"text", "invalid_text", a.Text, maxContent, true},
	} {
		if strings.TrimSpace(c.words[access.English]) == "" {
			return access.Fail(access.Invalid, c.code, "%s must have an English version, en", c.field)
		}
		for l, text := range c.words {
			if c.lines {
				text = strings.ReplaceAll(text, "\r\n", "\n")
				c.words[l] = text
			}
			if utf8.RuneCountInString(text) > c.most || strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) && (!c.lines || r != '\n' && r != '\t') || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
			}) {
				return access.Fail(access.Invalid, c.code, "%s must be at most %d characters, without control characters", c.field, c.most)
			}
		}
	}
	return nil
}
