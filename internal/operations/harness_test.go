package operations_test

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/roles"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// noon is where the clock of the operations stands: far ahead, because SpiceDB
// ends relationships by the real time, and what a test opens must outlast it.
var noon = time.Date(2100, time.January, 1, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// engine is a real SpiceDB with our schema, and a real directory beside it.
type engine struct {
	*spicedb.Server
	gateway   *relationships.Gateway
	directory *directory.Directory
}

// start runs an engine for as long as the test. It costs a third of a second
// under the race detector, so most tests have one of their own.
func start(t *testing.T) *engine {
	t.Helper()
	server, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	e := &engine{Server: server, gateway: relationships.New(server.Conn(), server.Head)}
	require.NoError(t, e.gateway.ApplySchema(t.Context(), schema.Text))

	e.directory, err = directory.New(t.Context(), e.DB(), now, e.gateway.Exists)
	require.NoError(t, err)
	return e
}

// clear forgets every relationship and every name, so that the next case finds an
// empty world.
func (e *engine) clear(t *testing.T) {
	t.Helper()
	permissions := v1.NewPermissionsServiceClient(e.Conn())
	types := []string{access.TypeInvitation}
	for _, kind := range append(roles.Belongings, roles.Kinds...) {
		types = append(types, kind.Type)
	}
	for _, objectType := range types {
		_, err := permissions.DeleteRelationships(t.Context(), &v1.DeleteRelationshipsRequest{
			RelationshipFilter: &v1.RelationshipFilter{ResourceType: objectType},
		})
		require.NoError(t, err)
	}
	_, err := e.DB().ExecContext(t.Context(), "DELETE FROM people; DELETE FROM objects; DELETE FROM api_keys") // the rest hangs from them
	require.NoError(t, err)
}

// world is Gatehouse below HTTP, put together as the server does. People in it
// go by the part of their e-mail before @example.com.
type world struct {
	*operations.Operations
	t         *testing.T
	store     *recorder
	checks    *checks.Checks
	directory *directory.Directory
	ids       atomic.Int64
}

func newWorld(t *testing.T, operators ...email.Address) *world {
	t.Helper()
	return start(t).world(t, operators...)
}

func (e *engine) world(t *testing.T, operators ...email.Address) *world {
	t.Helper()
	w := &world{t: t, store: &recorder{Relationships: e.gateway}, checks: checks.New(e, e.gateway), directory: e.directory}
	w.Operations = operations.New(operations.Dependencies{
		Relationships: w.store, Checks: w.checks, Lookups: w.checks, Directory: w.directory,
		Now: now, NewID: func() string { return fmt.Sprintf("%04d", w.ids.Add(1)) }, TimeZone: "Europe/Zurich", Operators: operators,
	})
	return w
}

// address is the e-mail of the person with this name.
func address(name string) email.Address { return email.Address(name + "@example.com") }

func newcomer(name string) operations.Newcomer {
	return operations.Newcomer{Email: string(address(name)), GivenName: name, FamilyName: "Doe"}
}

// person is the user with this name, whom the directory knows from now on.
func (w *world) person(name string) access.Object {
	w.t.Helper()
	p, err := w.directory.EnsurePerson(w.t.Context(), address(name), "", "")
	require.NoError(w.t, err)
	return access.User(p.ID)
}

// by acts for the person with this name.
func (w *world) by(name string) operations.By { return operations.By{Actor: w.person(name)} }

// object reads type:id, where people go by their names.
func (w *world) object(text string) access.Object {
	w.t.Helper()
	objectType, id, found := strings.Cut(text, ":")
	require.True(w.t, found, "%q is not an object", text)
	if objectType == access.TypeUser && id != "*" {
		return w.person(id)
	}
	return access.Object{Type: objectType, ID: id}
}

var factPattern = regexp.MustCompile(`^([^#@\s]+)#(\w+)@([^#@\s\[]+)(?:\[expiration:(\S+)\])?$`)

// fact reads a relationship as zed writes it, where people go by their names.
func (w *world) fact(text string) access.Relationship {
	w.t.Helper()
	parts := factPattern.FindStringSubmatch(text)
	require.NotNil(w.t, parts, "%q is not a relationship", text)
	r := access.Relate(w.object(parts[1]), parts[2], w.object(parts[3]))
	if parts[4] != "" {
		end, err := time.Parse(time.RFC3339, parts[4])
		require.NoError(w.t, err)
		r.EndsAt = end
	}
	return r
}

// given makes relationships exist that no operation wrote.
func (w *world) given(facts ...string) {
	w.t.Helper()
	var write access.Write
	for _, text := range facts {
		write.Touch(w.fact(text))
	}
	w.past(write)
}

// gone makes relationships disappear behind the operations' back.
func (w *world) gone(facts ...string) {
	w.t.Helper()
	var write access.Write
	for _, text := range facts {
		write.Delete(w.fact(text))
	}
	w.past(write)
}

// past writes past the recorder.
func (w *world) past(write access.Write) {
	w.t.Helper()
	_, err := w.store.Relationships.Write(w.t.Context(), write)
	require.NoError(w.t, err)
}

// facts lists the live relationships that match, people by their names.
func (w *world) facts(filter access.Filter) []string {
	w.t.Helper()
	found, _, err := w.store.Read(w.t.Context(), filter)
	require.NoError(w.t, err)
	texts := make([]string, len(found))
	for i, r := range found {
		texts[i] = w.named(r.String())
	}
	return texts
}

// may reports whether a person has a permission.
func (w *world) may(name, permission, object string) bool {
	w.t.Helper()
	decision, err := w.checks.Check(w.t.Context(), access.Check{
		Resource: w.object(object), Permission: permission, Subject: access.Subject{Object: w.person(name)},
	})
	require.NoError(w.t, err)
	return decision.Allowed
}

var (
	personPattern     = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)
	invitationPattern = regexp.MustCompile(`\b[a-z2-7]{16}-`)
	zeros             = regexp.MustCompile(`(#|version:)0+(\d)`)
)

// named puts names in the place of opaque ids: those of people by their e-mail,
// and invitations and versions counted from 1 in the order they were made.
func (w *world) named(text string) string {
	w.t.Helper()
	people, err := w.directory.PeopleByID(w.t.Context(), personPattern.FindAllString(text, -1))
	require.NoError(w.t, err)
	text = personPattern.ReplaceAllStringFunc(text, func(id string) string {
		name, _, _ := strings.Cut(string(people[id].Email), "@")
		return name
	})
	return zeros.ReplaceAllString(invitationPattern.ReplaceAllString(text, "#"), "$1$2")
}

// invite opens an invitation in the name of the inviter.
func (w *world) invite(inviter, invitee, object string, roleIDs ...string) operations.Invitation {
	w.t.Helper()
	i, _, err := w.Invite(w.t.Context(), w.by(inviter), w.object(object), newcomer(invitee), roleIDs, nil, 0)
	require.NoError(w.t, err)
	return i
}

// status reads where an invitation stands.
func (w *world) status(i operations.Invitation) operations.Status {
	w.t.Helper()
	found, err := w.Invitation(w.t.Context(), i.ID)
	require.NoError(w.t, err)
	return found.Status
}

// moveEnd makes a pending invitation end at another time.
func (w *world) moveEnd(i operations.Invitation, end time.Time) {
	w.t.Helper()
	tie := access.Relate(access.Object{Type: access.TypeInvitation, ID: i.ID}, "invitee", access.User(i.InviteeID))
	tie.EndsAt = end
	var write access.Write
	write.Touch(tie)
	w.past(write)
}

// link returns the token that a mail about the invitation carries.
func (w *world) link(i operations.Invitation) string {
	w.t.Helper()
	token := fmt.Sprintf("token %d of %s", w.ids.Add(1), i.ID)
	require.NoError(w.t, w.directory.AddInvitationToken(w.t.Context(), i.ID, sha256.Sum256([]byte(token))))
	return token
}

// accept takes up an invitation as the person with this name.
func (w *world) accept(name, token string) (operations.Added, error) {
	w.t.Helper()
	return w.Accept(w.t.Context(), w.by(name), address(name), token)
}

// ends ends somebody's role in the name of another.
func (w *world) ends(by, roleID, person, object string) {
	w.t.Helper()
	_, err := w.EndRole(w.t.Context(), w.by(by), w.object(object), w.person(person), roleID, nil)
	require.NoError(w.t, err)
}

// meanwhile lets something happen between what the next operation reads and what
// it commits.
func (w *world) meanwhile(happens func()) {
	w.store.before = func(access.Write) {
		w.store.before = nil
		happens()
	}
}

// since lists what was committed after a moment.
func (w *world) since(before access.Token) []access.Change {
	w.t.Helper()
	w.given("platform:gatehouse#support@user:last") // marks the end
	last := w.fact("platform:gatehouse#support@user:last")
	var changes []access.Change
	for change, err := range w.store.Watch(w.t.Context(), before) {
		require.NoError(w.t, err)
		if len(change.Updates) == 1 && change.Updates[0].Relationship == last {
			break
		}
		changes = append(changes, change)
	}
	return changes
}
