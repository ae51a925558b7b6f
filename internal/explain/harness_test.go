package explain_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/explain"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// world is a real SpiceDB with our schema, and a real directory and audit beside it.
// People in it go by the part of their e-mail before @example.com, objects by their id.
type world struct {
	*explain.Explainer
	t         *testing.T
	engine    *spicedb.Server
	gateway   *relationships.Gateway
	directory *directory.Directory
	audit     *audit.Log

	facts   []access.Relationship // written at once, and …
	answers map[[3]string]bool    // … what checks of them have said
}

func start(t *testing.T) *world {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	w := &world{t: t, engine: engine, gateway: relationships.New(engine.Conn(), engine.Head)}
	require.NoError(t, w.gateway.ApplySchema(t.Context(), schema.Text))
	w.directory, err = directory.New(t.Context(), engine.DB(), time.Now, w.gateway.Exists)
	require.NoError(t, err)
	w.audit, err = audit.New(t.Context(), engine.DB(), time.Now, w.gateway.Read)
	require.NoError(t, err)
	shape, err := spicedb.Shape(schema.Text)
	require.NoError(t, err)
	w.Explainer = explain.New(explain.Dependencies{
		Store: w.gateway, Directory: w.directory, Audit: w.audit, Shape: shape, Now: time.Now, TimeZone: "Europe/Zurich",
	})
	return w
}

// clear forgets everything, so that the next case finds an empty world.
func (w *world) clear(t *testing.T) {
	t.Helper()
	w.t = t
	for objectType := range w.Shape {
		_, err := v1.NewPermissionsServiceClient(w.engine.Conn()).DeleteRelationships(t.Context(), &v1.DeleteRelationshipsRequest{
			RelationshipFilter: &v1.RelationshipFilter{ResourceType: objectType},
		})
		require.NoError(t, err)
	}
	_, err := w.engine.DB().ExecContext(t.Context(), "DELETE FROM people; DELETE FROM objects; DELETE FROM audit_updates; DELETE FROM audit_events")
	require.NoError(t, err)
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// person is the user with this name, whom the directory knows from now on.
func (w *world) person(name string) access.Object {
	w.t.Helper()
	p, err := w.directory.EnsurePerson(w.t.Context(), email.Address(name+"@example.com"), title(name), "")
	require.NoError(w.t, err)
	return access.User(p.ID)
}

// object reads type:id. What is not a person is called by its id, with a capital.
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

// fact reads a relationship as zed writes it.
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
	w.call(r.Resource)
	return r
}

// call gives an object its name.
func (w *world) call(o access.Object) {
	w.t.Helper()
	_, err := w.directory.ReserveObject(w.t.Context(), access.ObjectProfile{
		Object: o, Name: title(o.ID), TimeZone: "America/New_York", CustomerNumber: o.String(), Identifier: o.String(),
	})
	if !access.HasCode(err, "taken") {
		require.NoError(w.t, err)
	}
}

// happens commits an update, and has it audited.
func (w *world) happens(c access.Cause, u access.Update) {
	w.t.Helper()
	write := access.Write{Updates: []access.Update{u}, Cause: c}
	at, err := w.gateway.Write(w.t.Context(), write)
	require.NoError(w.t, err)
	require.NoError(w.t, w.audit.Handle(w.t.Context(), access.Change{Updates: write.Updates, Cause: c, At: at}))
}

// ask asks for an explanation, by id or by e-mail.
func (w *world) ask(asker access.Object, permission string, object access.Object, who string) explain.Explanation {
	w.t.Helper()
	q := explain.Question{Asker: asker, Check: access.Check{Resource: object, Permission: permission}}
	switch {
	case strings.Contains(who, "@"):
		q.Called = who
		p, err := w.directory.PersonByEmail(w.t.Context(), email.Address(who))
		if q.Stranger = access.IsKind(err, access.NotFound); q.Stranger {
			p.ID = "-"
		}
		q.Subject.Object = access.User(p.ID)
	case strings.Contains(who, ":"):
		q.Subject.Object = w.object(who)
	default:
		q.Subject.Object = w.person(who)
	}
	explained, err := w.Explain(w.t.Context(), q)
	require.NoError(w.t, err)
	decision, err := w.engine.Check(context.WithoutCancel(w.t.Context()), q.Check)
	require.NoError(w.t, err)
	require.Equal(w.t, decision.Allowed && !q.Stranger, explained.Allowed, "explain and check differ")
	return explained
}

var personPattern = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)

// named puts names in the place of people's ids.
func (w *world) named(text string) string {
	w.t.Helper()
	people, err := w.directory.PeopleByID(w.t.Context(), personPattern.FindAllString(text, -1))
	require.NoError(w.t, err)
	return personPattern.ReplaceAllStringFunc(text, func(id string) string {
		name, _, _ := strings.Cut(string(people[id].Email), "@")
		return name
	})
}

// drawn is a tree as text, a line for each node.
func drawn(n *explain.Node, depth int) string {
	var out strings.Builder
	mark := map[explain.Truth]string{explain.True: "✓", explain.False: "✗", explain.Unknown: "?"}[n.Result]
	line := []string{mark}
	if n.Name != "" {
		line = append(line, n.Object.String(), n.Name)
	}
	if n.Combines != "" {
		line = append(line, string(n.Combines))
	}
	if n.Tie != "" {
		line = append(line, n.Tie+"->"+n.Of)
	}
	if n.Self {
		line = append(line, "self")
	}
	if n.Flag {
		line = append(line, "(flag)")
	}
	if n.Hidden {
		line = append(line, "(hidden)")
	}
	if n.LeftOut > 0 {
		line = append(line, fmt.Sprintf("(and %d more)", n.LeftOut))
	}
	out.WriteString(strings.Repeat("  ", depth) + strings.Join(line, " ") + "\n")
	for _, r := range n.Matched {
		out.WriteString(strings.Repeat("  ", depth+1) + r.String() + "\n")
	}
	for _, child := range n.Children {
		out.WriteString(drawn(child, depth+1))
	}
	return out.String()
}
