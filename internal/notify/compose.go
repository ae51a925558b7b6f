package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Operations is what is read to compose a mail.
type Operations interface {
	Invitation(ctx context.Context, id string) (operations.Invitation, error)
	Object(ctx context.Context, object access.Object) (access.ObjectProfile, error)
}

// Composer puts queued mails into words, as of now.
type Composer struct {
	Operations    Operations
	Relationships access.Relationships
	Checks        access.Checker
	People        access.People
	Tokens        access.Invitations
	Mails         access.Mails
	PublicURL     *url.URL
}

// Compose writes a mail in the language of its recipient.
// Errors: access.ErrMailPointless if there is nothing to tell any more.
func (c *Composer) Compose(ctx context.Context, m access.QueuedMail) (access.Mail, error) {
	people, err := c.People.PeopleByID(ctx, []string{m.Recipient})
	if err != nil {
		return access.Mail{}, err
	}
	person, ok := people[m.Recipient]
	if !ok {
		return access.Mail{}, pointless("there is no such person")
	}
	var w words
	switch m.Kind {
	case access.MailInvitation:
		return c.invitation(ctx, m, person)
	case access.MailRoleGranted, access.MailShareGiven:
		w, err = c.given(ctx, m, person)
	case access.MailRoleEnded:
		w, err = c.ended(ctx, m, person)
	case access.MailTechnicalInformation, access.MailImportantInformation:
		w, err = c.announced(ctx, m, person)
	default:
		err = fmt.Errorf("there is no mail of kind %q: %w", m.Kind, access.ErrMailPointless)
	}
	if err != nil {
		return access.Mail{}, err
	}
	return render(m.Kind, person.Email, w)
}

func pointless(why string) error { return fmt.Errorf("%s: %w", why, access.ErrMailPointless) }

// invitation makes a token of its own for every attempt and keeps only its hash, so
// a mail that was lost half-way is sent again with another; each works.
func (c *Composer) invitation(ctx context.Context, m access.QueuedMail, person access.Person) (access.Mail, error) {
	i, err := c.Operations.Invitation(ctx, m.Object.ID)
	if access.IsKind(err, access.NotFound) || err == nil && i.Status != operations.Pending {
		return access.Mail{}, pointless("the invitation is not pending")
	}
	if err != nil {
		return access.Mail{}, err
	}
	w, _, err := c.about(ctx, i.Object, person.Language)
	if err != nil {
		return access.Mail{}, err
	}
	token := newToken()
	if err := c.Tokens.AddInvitationToken(ctx, i.ID, sha256.Sum256([]byte(token))); err != nil {
		return access.Mail{}, err
	}
	link := c.PublicURL.JoinPath("invitations", "accept")
	link.RawQuery = url.Values{"token": {token}}.Encode()
	w.Link = link.String()
	w.Expires = moment(i.ExpiresAt.UTC(), person.Language)
	w.Roles, w.Several = list(i.Roles, person.Language, nil), len(i.Roles) > 1
	return render(m.Kind, i.Email, w)
}

// newToken is 256 random bits in a form that needs no escaping.
func newToken() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// given tells of those of the roles that the person still has.
func (c *Composer) given(ctx context.Context, m access.QueuedMail, person access.Person) (words, error) {
	ends, err := c.held(ctx, m, person)
	if err != nil {
		return words{}, err
	}
	w, zone, err := c.about(ctx, m.Object, person.Language)
	if err != nil {
		return words{}, err
	}
	var still []roles.Role
	for _, role := range named(m) {
		if _, holds := ends[role.Relation]; holds {
			still = append(still, role)
		}
	}
	if len(still) == 0 {
		return words{}, pointless("the role has ended since")
	}
	w.Roles, w.Several = list(still, person.Language, until(ends, zone, person.Language)), len(still) > 1
	w.Link = c.PublicURL.String()
	if m.Kind == access.MailShareGiven {
		w.Link = c.PublicURL.JoinPath("instances", url.PathEscape(m.Object.ID), "cockpit").String()
	}
	return w, nil
}

// ended tells of those of the roles that the person lost or will lose.
func (c *Composer) ended(ctx context.Context, m access.QueuedMail, person access.Person) (words, error) {
	ends, err := c.held(ctx, m, person)
	if err != nil {
		return words{}, err
	}
	w, zone, err := c.about(ctx, m.Object, person.Language)
	if err != nil {
		return words{}, err
	}
	var gone, ending []roles.Role
	for _, role := range named(m) {
		switch end, holds := ends[role.Relation]; {
		case !holds:
			gone = append(gone, role)
		case !end.IsZero():
			ending = append(ending, role)
		}
	}
	if len(gone)+len(ending) == 0 {
		return words{}, pointless("the role was given back since")
	}
	w.Gone, w.Ending = list(gone, person.Language, nil), list(ending, person.Language, until(ends, zone, person.Language))
	w.Several = len(gone)+len(ending) > 1
	return w, nil
}

// announced is what staff wrote, in the person's language if they wrote in it, for
// as long as the person is among those it is for.
func (c *Composer) announced(ctx context.Context, m access.QueuedMail, person access.Person) (words, error) {
	a, err := c.Mails.Announcement(ctx, m.Cause)
	if access.IsKind(err, access.NotFound) {
		return words{}, pointless("the announcement is gone")
	}
	if err != nil {
		return words{}, err
	}
	receives, err := c.Checks.Check(ctx, access.Check{
		Resource: a.Account, Permission: receivers[m.Kind], Subject: access.Subject{Object: access.User(person.ID)},
	})
	if err != nil {
		return words{}, err
	}
	if !receives.Allowed {
		return words{}, pointless("the recipient's role has ended since")
	}
	language := person.Language
	if a.Subject[language] == "" || a.Text[language] == "" {
		language = access.English
	}
	w, _, err := c.about(ctx, a.Account, language)
	w.Title, w.Content = a.Subject[language], a.Text[language]
	return w, err
}

// held finds the ends of the person's roles on the object a mail is about, by
// relation; a zero end is none.
func (c *Composer) held(ctx context.Context, m access.QueuedMail, person access.Person) (map[string]time.Time, error) {
	found, _, err := c.Relationships.Read(ctx, access.On(m.Object, "").To(access.User(person.ID)))
	ends := map[string]time.Time{}
	for _, r := range found {
		ends[r.Relation] = r.EndsAt
	}
	return ends, err
}

func named(m access.QueuedMail) (found []roles.Role) {
	for _, id := range m.Roles {
		if role, err := roles.Find(m.Object.Type, id); err == nil {
			found = append(found, role)
		}
	}
	return found
}

// about begins a mail about an object, and finds the object's time zone.
func (c *Composer) about(ctx context.Context, object access.Object, l access.Language) (words, *time.Location, error) {
	profile, err := c.Operations.Object(ctx, object)
	if err != nil {
		return words{}, nil, err
	}
	zone, err := time.LoadLocation(profile.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return words{Language: l, Object: profile.Name, Account: object.Type == access.TypeCustomerAccount}, zone, nil
}

// list names roles, each with what is to be said of it.
func list(all []roles.Role, l access.Language, remark func(roles.Role) string) string {
	names := make([]string, len(all))
	for i, role := range all {
		names[i] = role.NameIn(l)
		if remark != nil {
			names[i] += remark(role)
		}
	}
	return strings.Join(names, ", ")
}

// until says when a role ends, by the clock of its object: the last minute in which
// it works.
func until(ends map[string]time.Time, zone *time.Location, l access.Language) func(roles.Role) string {
	return func(role roles.Role) string {
		end := ends[role.Relation]
		if end.IsZero() {
			return ""
		}
		by := map[access.Language]string{access.English: " (until %s)", access.German: " (bis %s)"}[l]
		return fmt.Sprintf(by, moment(end.Add(-time.Nanosecond).In(zone), l))
	}
}
