// Package notify tells people what a commit means for them.
package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/url"
	"strings"
	"text/template"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

//go:embed templates/*.txt
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.txt"))

// Operations is what is read to compose an invitation.
type Operations interface {
	Invitation(ctx context.Context, id string) (operations.Invitation, error)
	Object(ctx context.Context, object access.Object) (access.ObjectProfile, error)
}

// Invitations mails every new invitation to the invited person.
type Invitations struct {
	Operations Operations
	Tokens     access.Invitations
	Mailer     access.Mailer
	PublicURL  *url.URL
}

// Handle mails the invitations that a change opened, unless they are settled
// already. The token in the link is made here and kept only as a hash, so a mail
// that was lost half-way is sent again with a token of its own; each works.
func (n *Invitations) Handle(ctx context.Context, c access.Change) error {
	for _, u := range c.Updates {
		r := u.Relationship
		if u.Verb != access.Touch || r.Resource.Type != access.TypeInvitation || r.Relation != "invitee" {
			continue
		}
		if err := n.mail(ctx, r.Resource.ID); err != nil && !access.IsKind(err, access.NotFound) {
			return err
		}
	}
	return nil
}

func (n *Invitations) mail(ctx context.Context, id string) error {
	i, err := n.Operations.Invitation(ctx, id)
	if err != nil || i.Status != operations.Pending {
		return err
	}
	object, err := n.Operations.Object(ctx, i.Object)
	if err != nil {
		return err
	}
	token := newToken()
	if err := n.Tokens.AddInvitationToken(ctx, i.ID, sha256.Sum256([]byte(token))); err != nil {
		return err
	}
	link := n.PublicURL.JoinPath("invitations", "accept")
	link.RawQuery = url.Values{"token": {token}}.Encode()
	var text strings.Builder
	if err := templates.ExecuteTemplate(&text, "invitation.txt", map[string]any{
		"Object": object.Name, "Roles": i.Roles, "Link": link.String(),
		"Expires": i.ExpiresAt.UTC().Format("2 January 2006, 15:04 MST"),
	}); err != nil {
		return err
	}
	return n.Mailer.Send(ctx, access.Mail{
		Kind: "invitation", To: i.Email, Subject: "Your invitation to " + object.Name, Text: text.String(),
	})
}

// newToken is 256 random bits in a form that needs no escaping.
func newToken() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(secret[:])
}
