package notify_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/mailqueue"
	"github.com/gatehouse/gatehouse/internal/notify"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/roles"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

// clock stands until it is moved.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// world is Gatehouse below HTTP with all that sends its mails, which is done when
// the test says so.
type world struct {
	*operations.Operations
	t         *testing.T
	clock     *clock
	names     *directory.Directory
	gateway   *relationships.Gateway
	queue     *mailqueue.Queue
	follower  *notify.Follower
	announcer *notify.Announcer
	sender    *mailqueue.Sender
	post      *post
	seen      access.Token // changes up to here were followed
}

func newWorld(t *testing.T) *world {
	ctx := t.Context()
	engine, err := spicedb.Start(ctx, spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	w := &world{t: t, clock: &clock{time: time.Date(2100, time.January, 1, 12, 0, 0, 0, time.UTC)}, post: &post{}}
	w.gateway = relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, w.gateway.ApplySchema(ctx, schema.Text))
	w.names, err = directory.New(ctx, engine.DB(), w.clock.now, w.gateway.Exists)
	require.NoError(t, err)
	checker := checks.New(engine, w.gateway)
	newID := func() string { return ulid.Make().String() }
	w.Operations = operations.New(operations.Dependencies{
		Relationships: w.gateway, Checks: checker, Lookups: checker, Directory: w.names, Now: w.clock.now, NewID: newID, TimeZone: "Europe/Zurich",
	})
	w.queue, err = mailqueue.New(ctx, engine.DB(), w.clock.now)
	require.NoError(t, err)
	public, err := url.Parse("https://gatehouse.example/base")
	require.NoError(t, err)
	composer := &notify.Composer{
		Operations: w.Operations, Relationships: w.gateway, Checks: checker, People: w.names, Tokens: w.names, Mails: w.queue, PublicURL: public,
	}
	w.follower = &notify.Follower{Mails: w.queue}
	w.announcer = &notify.Announcer{Subjects: checker, Mails: w.queue, NewID: newID}
	w.sender = &mailqueue.Sender{
		Queue: w.queue, Compose: composer.Compose, Mailer: w.post, Patience: time.Minute, Log: slog.New(slog.DiscardHandler), Outcomes: mailqueue.NewOutcomes(),
	}
	w.seen, err = w.gateway.Head(ctx)
	require.NoError(t, err)
	return w
}

// follow hands over every change there is, so often, as a follower does that was
// killed before it noted its place.
func (w *world) follow(times int) {
	w.t.Helper()
	end := access.Relate(access.Object{Type: "resource", ID: ulid.Make().String()}, "account", access.Object{Type: access.TypeCustomerAccount, ID: "end"})
	w.zed(access.Touch, end)
	for change, err := range w.gateway.Watch(w.t.Context(), w.seen) {
		require.NoError(w.t, err)
		for range times {
			require.NoError(w.t, w.follower.Handle(w.t.Context(), change))
		}
		w.seen = change.At
		if len(change.Updates) > 0 && change.Updates[0].Relationship == end {
			return
		}
	}
}

// mails are those sent of what happened since the last time.
func (w *world) mails() []access.Mail {
	w.t.Helper()
	w.follow(1)
	require.NoError(w.t, w.sender.SendDue(w.t.Context()))
	sent := w.post.mails
	w.post.mails = nil
	return sent
}

var system = operations.By{Actor: access.System}

func (w *world) create(objectType, name string) access.Object {
	w.t.Helper()
	id := strings.ReplaceAll(objectType, "_", "-")
	profile, _, err := w.Create(w.t.Context(), system, operations.NewObject{
		Type: objectType, Parent: access.Platform, ID: &id, Name: name, CustomerNumber: id, Identifier: id, TimeZone: "Europe/Zurich",
	})
	require.NoError(w.t, err)
	return profile.Object
}

func (w *world) add(by operations.By, object access.Object, who string, roleIDs ...string) access.Person {
	w.t.Helper()
	added, err := w.Add(w.t.Context(), by, object, operations.Newcomer{Email: who + "@example.org", GivenName: who, FamilyName: "Doe"}, roleIDs, nil)
	require.NoError(w.t, err)
	return added.Person
}

// zed writes as other tools do, without a cause.
func (w *world) zed(verb access.Verb, rs ...access.Relationship) {
	w.t.Helper()
	write := access.Write{}
	for _, r := range rs {
		write.Updates = append(write.Updates, access.Update{Verb: verb, Relationship: r})
	}
	_, err := w.gateway.Write(w.t.Context(), write)
	require.NoError(w.t, err)
}

func (w *world) speak(who string, l access.Language) access.Person {
	w.t.Helper()
	p, err := w.names.EnsurePerson(w.t.Context(), email.Address(who+"@example.org"), "", "")
	require.NoError(w.t, err)
	p, err = w.names.ChangeProfile(w.t.Context(), p.ID, access.ProfileChange{Language: &l})
	require.NoError(w.t, err)
	return p
}

// account is one with an admin.
func (w *world) account() (access.Object, operations.By) {
	object := w.create(access.TypeCustomerAccount, "Bäckerei & Söhne <AG>")
	admin := w.add(system, object, "admin", "customer_admin", "cockpit_access")
	return object, operations.By{Actor: access.User(admin.ID)}
}

// TestGoldenMails is how each kind of mail reads, in each language. Run with
// -update to write them anew.
func TestGoldenMails(t *testing.T) {
	for _, language := range []access.Language{access.English, access.German} {
		t.Run(string(language), func(t *testing.T) {
			w := newWorld(t)
			account, admin := w.account()
			instance := w.create(access.TypeInstance, "Alpenhost")
			ann := w.speak("ann", language)
			w.mails()

			_, _, err := w.Invite(t.Context(), admin, account, operations.Newcomer{Email: "ann@example.org"}, []string{"customer_admin", "technical_contact"}, nil, 0)
			require.NoError(t, err)
			w.golden("invitation", language)

			w.add(admin, account, "ann", "cockpit_access", "technical_contact")
			w.golden("role_granted", language)

			cockpit := access.Relate(account, "cockpit_access", access.User(ann.ID))
			cockpit.EndsAt = time.Date(2100, time.December, 31, 23, 0, 0, 0, time.UTC)
			w.zed(access.Touch, cockpit)
			w.golden("role_granted_until", language)

			_, err = w.announcer.Announce(t.Context(), admin.Actor, "", access.Announcement{
				Kind: access.MailTechnicalInformation, Account: account,
				Subject: map[access.Language]string{access.English: "Maintenance", access.German: "Wartung"},
				Text:    map[access.Language]string{access.English: "Tonight:\n- router <1>\n\nSorry!", access.German: "Heute Nacht:\n- Router <1>\n\nEntschuldigung!"},
			})
			require.NoError(t, err)
			w.golden("technical_information", language)

			_, err = w.EndRole(t.Context(), admin, account, access.User(ann.ID), "technical_contact", nil)
			require.NoError(t, err)
			w.golden("role_ended", language)

			w.zed(access.Touch, access.Relate(instance, "inventory_writer", access.User(ann.ID)), access.Relate(instance, "customer_care_reader", access.User(ann.ID)))
			w.golden("share_given", language)

			w.add(admin, account, "ann", "customer_admin")
			w.mails()
			w.zed(access.Delete, access.Relate(account, "customer_admin", admin.Actor))
			w.mails()
			_, err = w.announcer.Announce(t.Context(), admin.Actor, "", access.Announcement{
				Kind: access.MailImportantInformation, Account: account,
				Subject: map[access.Language]string{access.English: "New prices"}, Text: map[access.Language]string{access.English: "From May on."},
			})
			require.NoError(t, err)
			w.golden("important_information_in_english_only", language)
		})
	}
}

var madeUp = regexp.MustCompile(`token=[\w-]{43}`)

// golden compares the one mail that was sent, as text and as HTML.
func (w *world) golden(name string, l access.Language) {
	w.t.Helper()
	sent := w.mails()
	require.Len(w.t, sent, 1, name)
	m := sent[0]
	for kind, text := range map[string]string{"txt": fmt.Sprintf("To: %s\nSubject: %s\n\n%s", m.To, m.Subject, m.Text), "html": m.HTML} {
		text = madeUp.ReplaceAllString(text, "token=…")
		file := filepath.Join("testdata", string(l), name+"."+kind)
		if *update {
			require.NoError(w.t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(w.t, os.WriteFile(file, []byte(text), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(w.t, err)
		assert.Equal(w.t, string(want), text, file)
	}
}

func token(t *testing.T, m access.Mail) string {
	t.Helper()
	_, rest, found := strings.Cut(m.Text, "https://gatehouse.example/base/invitations/accept?token=")
	require.True(t, found, m.Text)
	token, _, _ := strings.Cut(rest, "\n")
	return token
}

func TestMailLostHalfWayIsSentAgainAndBothLinksWork(t *testing.T) {
	w := newWorld(t)
	account, admin := w.account()
	_, _, err := w.Invite(t.Context(), admin, account, operations.Newcomer{Email: "ann@example.org"}, []string{"technical_contact"}, nil, 0)
	require.NoError(t, err)
	w.post.fails = errors.New("connection reset")
	sent := w.mails()
	w.post.fails = nil
	w.clock.pass(time.Hour)
	sent = append(sent, w.mails()...)

	require.Len(t, sent, 2)
	first, second := token(t, sent[0]), token(t, sent[1])
	assert.Equal(t, sent[0].ID, sent[1].ID, "a mailbox can tell it for the same mail")
	assert.NotEqual(t, first, second, "tokens are made when they are mailed and kept only as hashes")
	for _, text := range []string{first, second} {
		profile, err := w.names.InvitationByToken(t.Context(), sha256.Sum256([]byte(text)))
		require.NoError(t, err)
		assert.EqualValues(t, "ann@example.org", profile.Email)
	}
}

// TestWhatIsNotTrueAnyMoreIsNotMailed takes back what the mail was to tell before
// it is sent.
func TestWhatIsNotTrueAnyMoreIsNotMailed(t *testing.T) {
	w := newWorld(t)
	account, admin := w.account()
	w.mails()

	i, _, err := w.Invite(t.Context(), admin, account, operations.Newcomer{Email: "ina@example.org"}, []string{"technical_contact"}, nil, 0)
	require.NoError(t, err)
	_, err = w.Revoke(t.Context(), admin, i.ID)
	require.NoError(t, err)
	assert.Empty(t, w.mails(), "a revoked invitation")

	ann := w.add(admin, account, "ann", "technical_contact")
	_, err = w.EndRole(t.Context(), admin, account, access.User(ann.ID), "technical_contact", nil)
	require.NoError(t, err)
	sent := w.mails()
	require.Len(t, sent, 1, "a role that came and went")
	assert.Equal(t, access.MailRoleEnded, sent[0].Kind)

	w.add(admin, account, "ann", "technical_contact")
	w.mails()
	_, err = w.EndRole(t.Context(), admin, account, access.User(ann.ID), "technical_contact", nil)
	require.NoError(t, err)
	w.add(admin, account, "ann", "technical_contact")
	sent = w.mails()
	require.Len(t, sent, 1, "a role that went and came")
	assert.Equal(t, access.MailRoleGranted, sent[0].Kind)

	dropped, _, err := w.queue.Mails(t.Context(), access.MailDropped, access.Page{Limit: 10})
	require.NoError(t, err)
	assert.Len(t, dropped, 3, "and it shows")
}

// TestOneChangeMakesOneMail however often it is handled, and says nothing twice.
func TestOneChangeMakesOneMail(t *testing.T) {
	w := newWorld(t)
	account, admin := w.account()
	partner := w.create(access.TypePartner, "CloudNine")
	w.mails()

	w.add(admin, account, "ann", "cockpit_access", "technical_contact")
	w.add(system, partner, "ben", "partner_admin")
	w.follow(3)
	sent := w.mails()
	require.Len(t, sent, 1, "of two roles, to Ann; what the system does is news to nobody")
	assert.Contains(t, sent[0].Text, "Cockpit Access, Technical Contact.")
	assert.Empty(t, w.mails())
}

// TestARoleInPlaceOfAnotherIsTheNews without a word of the one it replaced.
func TestARoleInPlaceOfAnotherIsTheNews(t *testing.T) {
	w := newWorld(t)
	account, _ := w.account()
	staff := w.add(system, access.Platform, "staff", "support")
	w.add(system, account, "ann", "portal_read_only_user")
	w.mails()
	w.add(operations.By{Actor: access.User(staff.ID)}, account, "ann", "portal_admin")
	sent := w.mails()
	require.Len(t, sent, 1)
	assert.Equal(t, access.MailRoleGranted, sent[0].Kind)
	assert.Contains(t, sent[0].Text, "Portal Admin")
}

// TestWhoAcceptsNeedsNoMail about what they accepted.
func TestWhoAcceptsNeedsNoMail(t *testing.T) {
	w := newWorld(t)
	account, admin := w.account()
	_, _, err := w.Invite(t.Context(), admin, account, operations.Newcomer{Email: "ann@example.org"}, []string{"technical_contact"}, nil, 0)
	require.NoError(t, err)
	sent := w.mails()
	require.Len(t, sent, 1)
	ann, err := w.names.PersonByEmail(t.Context(), "ann@example.org")
	require.NoError(t, err)
	_, err = w.Accept(t.Context(), operations.By{Actor: access.User(ann.ID)}, "ann@example.org", token(t, sent[0]))
	require.NoError(t, err)
	assert.Empty(t, w.mails())
}

// TestEveryRoleHasANameInGerman keeps the table complete.
func TestEveryRoleHasANameInGerman(t *testing.T) {
	for _, role := range roles.Catalogue {
		assert.NotEmpty(t, role.NameIn(access.German), role.ID)
		assert.Equal(t, role.Name, role.NameIn(access.English))
	}
}
