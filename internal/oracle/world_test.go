package oracle_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// noon is where the clock starts: far ahead, because SpiceDB ends relationships by the
// real time, and none is to end before the machine lets it.
var noon = time.Date(2100, time.January, 1, 12, 0, 0, 0, time.UTC)

var (
	forGood time.Time
	zurich  = zone("Europe/Zurich")
)

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// engine is a real SpiceDB with the schema, and a real directory beside it. All the
// sequences of a test are played on one, each with ids of its own.
type engine struct {
	*spicedb.Server
	gateway     *relationships.Gateway
	directory   *directory.Directory
	permissions map[string][]string // of each type, as the schema has them
	answers     map[string]map[string]bool
	cache       *cached
	now         time.Time
	worlds      int
}

func start(t *testing.T) *engine {
	t.Helper()
	server, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	e := &engine{
		Server: server, gateway: relationships.New(server.Conn(), server.Head),
		permissions: map[string][]string{}, answers: map[string]map[string]bool{},
	}
	require.NoError(t, e.gateway.ApplySchema(t.Context(), schema.Text))
	e.directory, err = directory.New(t.Context(), e.DB(), func() time.Time { return e.now }, e.gateway.Exists)
	require.NoError(t, err)
	vocabulary, err := e.gateway.Vocabulary(t.Context())
	require.NoError(t, err)
	for objectType, definition := range vocabulary {
		e.permissions[objectType] = slices.Sorted(maps.Keys(definition.Permissions))
	}
	e.cache = newCached(t, e)
	return e
}

// world is the operations on objects and people of one sequence. Each goes by the name
// it has in the oracle.
type world struct {
	*operations.Operations
	*engine
	ctx    context.Context
	t      require.TestingT
	number int
	ids    int
	mirror *mirror
	writer access.Relationships // the mirror; the cache hears of what it writes
	opaque map[string]string    // ids of people, keys and invitations, by their names
}

func (e *engine) world(ctx context.Context, t require.TestingT) *world {
	e.worlds++
	e.now = noon
	w := &world{
		engine: e, ctx: ctx, t: t, number: e.worlds,
		mirror: &mirror{Relationships: e.gateway, live: map[access.Object]map[access.Filter]access.Relationship{}},
		opaque: map[string]string{},
	}
	w.writer = e.cache.writer(w.mirror)
	asked := checks.New(e, e.gateway)
	w.Operations = operations.New(operations.Dependencies{
		Relationships: w.writer, Checks: asked, Lookups: asked, Directory: e.directory,
		Now:   func() time.Time { return e.now },
		NewID: func() string { w.ids++; return fmt.Sprintf("%s%04d", w.prefix(), w.ids) }, TimeZone: "Europe/Zurich",
		Operators: []email.Address{w.address("olga")},
	})
	return w
}

// prefix begins the ids of all objects of the world.
func (w *world) prefix() string { return fmt.Sprintf("%d-", w.number) }

func (w *world) address(name string) email.Address {
	return email.Address(w.prefix() + name + "@example.com")
}

// person is the one with this name, whom the directory knows from now on.
func (w *world) person(name string) access.Object {
	if w.opaque[name] == "" {
		p, err := w.directory.EnsurePerson(w.ctx, w.address(name), "", "")
		require.NoError(w.t, err)
		w.opaque[name] = p.ID
	}
	return access.User(w.opaque[name])
}

// by acts for a person, or for Gatehouse itself.
func (w *world) by(name string) operations.By {
	if name == system {
		return operations.By{Actor: access.System}
	}
	return operations.By{Actor: w.person(name)}
}

// object is the one with this name.
func (w *world) object(name string) access.Object {
	objectType, id, _ := strings.Cut(name, ":")
	switch objectType {
	case "platform":
		return access.Platform
	case "user":
		return w.person(id)
	case "api_key", "invitation":
		return access.Object{Type: objectType, ID: w.opaque[name]}
	}
	return access.Object{Type: objectType, ID: w.prefix() + id}
}

// subject is who goes by this name: a person or an API key.
func (w *world) subject(name string) access.Object {
	if isKey(name) {
		return w.object(name)
	}
	return w.person(name)
}

// write changes relationships as no operation does.
func (w *world) write(change access.Write) {
	_, err := w.writer.Write(w.ctx, change)
	require.NoError(w.t, err)
}

// link lets an invitation be accepted.
func (w *world) link(i operations.Invitation, name string) {
	w.opaque[name] = i.ID
	require.NoError(w.t, w.directory.AddInvitationToken(w.ctx, i.ID, sha256.Sum256([]byte(i.ID))))
}

// pass lets the time come. SpiceDB's clock is the real one, so whatever ends before then
// is made to end a moment ago; swept, it is deleted besides, as the sweeper does.
func (w *world) pass(now time.Time, swept bool) {
	w.now = now
	var ended, deleted access.Write
	for _, r := range w.mirror.all() {
		if !r.EndsAt.IsZero() && !r.EndsAt.After(now) {
			deleted.Delete(r)
			r.EndsAt = time.Now().Add(-time.Second)
			ended.Touch(r)
		}
	}
	if len(ended.Updates) == 0 {
		return
	}
	w.write(ended)
	if swept {
		w.write(deleted)
	}
}

// permissionsOf are the answers to every permission somebody may have on an object. They
// follow from the relationships around both: where these are equal, nothing is asked
// anew.
func (w *world) permissionsOf(who, on access.Object) map[string]bool {
	key := w.mirror.around(on, who, w.prefix())
	answers, known := w.answers[key]
	if known {
		return answers
	}
	answers = map[string]bool{}
	for _, permission := range w.permissions[on.Type] {
		decision, err := w.Check(w.ctx, access.Check{Resource: on, Permission: permission, Subject: access.Subject{Object: who}})
		require.NoError(w.t, err)
		answers[permission] = decision.Allowed
	}
	w.answers[key] = answers
	return answers
}
