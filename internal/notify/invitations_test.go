package notify_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/notify"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// post keeps what it is given, and may then fail as a mail server does that took
// the mail and lost the connection.
type post struct {
	mails []access.Mail
	fails error
}

func (p *post) Send(_ context.Context, m access.Mail) error {
	p.mails = append(p.mails, m)
	return p.fails
}

type world struct {
	*operations.Operations
	names   *directory.Directory
	gateway *relationships.Gateway
	post    *post
	notify  *notify.Invitations
}

func newWorld(t *testing.T) world {
	ctx := t.Context()
	engine, err := spicedb.Start(ctx, spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(ctx, schema.Text))
	names, err := directory.New(ctx, engine.DB(), time.Now, gateway.Exists)
	require.NoError(t, err)
	checker := checks.New(engine, gateway)
	o := operations.New(operations.Dependencies{
		Relationships: gateway, Checks: checker, Lookups: checker, Directory: names,
		Now: time.Now, NewID: func() string { return ulid.Make().String() }, TimeZone: "UTC",
	})
	public, err := url.Parse("https://gatehouse.example/base")
	require.NoError(t, err)
	letterbox := &post{}
	return world{o, names, gateway, letterbox, &notify.Invitations{Operations: o, Tokens: names, Mailer: letterbox, PublicURL: public}}
}

var staff = operations.By{Actor: access.System}

// invite makes a partner and invites Ann, and returns the change that came of it.
func (w world) invite(t *testing.T) access.Change {
	ctx := t.Context()
	partner, _, err := w.Create(ctx, staff, operations.NewObject{Type: access.TypePartner, Parent: access.Platform, Name: "Müller & Söhne"})
	require.NoError(t, err)
	inviter, err := w.Add(ctx, staff, partner.Object, operations.Newcomer{Email: "ines@example.org"}, []string{"partner_admin"}, nil)
	require.NoError(t, err)
	before, err := w.gateway.Head(ctx)
	require.NoError(t, err)
	_, _, err = w.Invite(ctx, operations.By{Actor: access.User(inviter.Person.ID)}, partner.Object, operations.Newcomer{Email: "ann@example.org"}, []string{"partner_admin"}, nil, 0)
	require.NoError(t, err)
	for change, err := range w.gateway.Watch(ctx, before) {
		require.NoError(t, err)
		if len(change.Updates) > 0 {
			return change
		}
	}
	t.Fatal("nothing changed")
	return access.Change{}
}

func token(t *testing.T, m access.Mail) string {
	_, rest, found := strings.Cut(m.Text, "https://gatehouse.example/base/invitations/accept?token=")
	require.True(t, found, m.Text)
	token, _, _ := strings.Cut(rest, "\n")
	return token
}

func TestInvitationIsMailed(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.notify.Handle(t.Context(), w.invite(t)))
	require.Len(t, w.post.mails, 1)
	m := w.post.mails[0]
	assert.EqualValues(t, "ann@example.org", m.To)
	assert.Equal(t, "Your invitation to Müller & Söhne", m.Subject)
	assert.Contains(t, m.Text, "as Partner Admin.")
	assert.Len(t, token(t, m), 43, "256 bits")
}

func TestMailLostHalfWayIsSentAgainAndBothLinksWork(t *testing.T) {
	w := newWorld(t)
	change := w.invite(t)
	w.post.fails = errors.New("connection reset")
	require.Error(t, w.notify.Handle(t.Context(), change))
	w.post.fails = nil
	require.NoError(t, w.notify.Handle(t.Context(), change))

	require.Len(t, w.post.mails, 2)
	first, second := token(t, w.post.mails[0]), token(t, w.post.mails[1])
	assert.NotEqual(t, first, second, "tokens are made when they are mailed and kept only as hashes")
	for _, text := range []string{first, second} {
		profile, err := w.names.InvitationByToken(t.Context(), sha256.Sum256([]byte(text)))
		require.NoError(t, err)
		assert.EqualValues(t, "ann@example.org", profile.Email)
	}
}

func TestSettledInvitationIsNotMailed(t *testing.T) {
	w := newWorld(t)
	change := w.invite(t)
	for _, u := range change.Updates {
		if u.Relationship.Relation == "invitee" {
			_, err := w.Revoke(t.Context(), operations.By{Actor: u.Relationship.Subject.Object}, u.Relationship.Resource.ID)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.notify.Handle(t.Context(), change))
	assert.Empty(t, w.post.mails)
}
