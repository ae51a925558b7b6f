package checks_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// world is the check path over a real SpiceDB.
type world struct {
	*checks.Checks
	t       *testing.T
	gateway *relationships.Gateway
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	return &world{Checks: checks.New(engine, gateway), t: t, gateway: gateway}
}

// relate writes that subjects stand in a relation to a resource.
func (w *world) relate(resource access.Object, relation string, subjects ...access.Object) access.Token {
	w.t.Helper()
	var write access.Write
	for _, subject := range subjects {
		write.Touch(access.Relate(resource, relation, subject))
	}
	at, err := w.gateway.Write(w.t.Context(), write)
	require.NoError(w.t, err)
	return at
}

func project(id string) access.Object { return access.Object{Type: access.TypeProject, ID: id} }

func may(name, permission string, on access.Object) access.Check {
	return access.Check{Resource: on, Permission: permission, Subject: access.Subject{Object: access.User(name)}}
}

// ghost is a subject of a type that the schema does not know.
var ghost = access.Object{Type: "ghost", ID: "ann"}

// code is the code of an error, or empty.
func code(err error) string {
	if e := new(access.Error); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestCheckSeesTheLastWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 20 {
		name := fmt.Sprintf("user%d", n)
		before, err := w.Check(t.Context(), may(name, "view", project("apollo")))
		require.NoError(t, err)
		assert.False(t, before.Allowed)

		at := w.relate(project("apollo"), "member", access.User(name))
		after, err := w.Check(t.Context(), may(name, "view", project("apollo")))
		require.NoError(t, err)
		assert.True(t, after.Allowed)
		assert.NoError(t, w.Covers(t.Context(), at))
		assert.NoError(t, w.Covers(t.Context(), after.CheckedAt))
	}
}

// TestBulkAnswersInOrder whatever the answers are, and one that has none leaves
// the rest alone.
func TestBulkAnswersInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relate(project("apollo"), "member", access.User("ann"))

	kinds := []struct {
		check   access.Check
		allowed bool
		code    string
	}{
		{may("ann", "view", project("apollo")), true, ""},
		{may("ann", "administer", project("apollo")), false, ""},
		{may("ann", "view", access.Object{Type: "castle", ID: "apollo"}), false, "unknown_type"},
		{may("bob", "view", project("apollo")), false, ""},
		{may("ann", "demolish", project("apollo")), false, "unknown_permission"},
		{access.Check{Resource: project("apollo"), Permission: "view", Subject: access.Subject{Object: ghost}}, false, ""},
		{may("ann", "view", project("nowhere")), false, ""},
	}
	var asked []access.Check
	for range 30 {
		for _, kind := range kinds {
			asked = append(asked, kind.check)
		}
	}

	answers := w.Bulk(t.Context(), asked)

	require.Len(t, answers, len(asked))
	for n, answer := range answers {
		wanted := kinds[n%len(kinds)]
		assert.Equal(t, wanted.allowed, answer.Decision.Allowed, "check %d: %+v", n, asked[n])
		assert.Equal(t, wanted.code, code(answer.Err), "check %d: %v", n, answer.Err)
		assert.Equal(t, wanted.code == "", answer.Decision.CheckedAt != "", "check %d", n)
	}
	assert.Empty(t, w.Bulk(t.Context(), nil))
}

func TestBulkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, answer := range w.Bulk(ctx, slices.Repeat([]access.Check{may("ann", "view", project("apollo"))}, 10)) {
		assert.Error(t, answer.Err, "no answer is no denial")
	}
}

// TestQuestionsNobodyCanAnswer are those about types and permissions that are
// not there. To a check, though, an unknown subject is simply not allowed.
func TestQuestionsNobodyCanAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relate(project("apollo"), "member", access.User("ann"))
	page := access.Page{Limit: 10}
	resources := func(resourceType, permission string, subject access.Object) error {
		_, err := w.LookupResources(t.Context(), resourceType, permission, access.Subject{Object: subject}, page)
		return err
	}
	subjects := func(resource access.Object, permission, subjectType string) error {
		_, err := w.LookupSubjects(t.Context(), resource, permission, subjectType, page)
		return err
	}
	check := func(c access.Check) error {
		_, err := w.Check(t.Context(), c)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		code string
	}{
		"check an unknown type":                {check(may("ann", "view", access.Object{Type: "castle", ID: "apollo"})), "unknown_type"},
		"check an unknown permission":          {check(may("ann", "demolish", project("apollo"))), "unknown_permission"},
		"resources of an unknown type":         {resources("castle", "view", access.User("ann")), "unknown_type"},
		"resources by an unknown permission":   {resources(access.TypeProject, "demolish", access.User("ann")), "unknown_permission"},
		"resources of an unknown subject type": {resources(access.TypeProject, "view", ghost), "unknown_type"},
		"subjects on an unknown type":          {subjects(access.Object{Type: "castle", ID: "apollo"}, "view", access.TypeUser), "unknown_type"},
		"subjects by an unknown permission":    {subjects(project("apollo"), "demolish", access.TypeUser), "unknown_permission"},
		"subjects of an unknown type":          {subjects(project("apollo"), "view", "ghost"), "unknown_type"},
	} {
		assert.True(t, access.IsKind(test.err, access.Invalid), "%s: %v", name, test.err)
		assert.Equal(t, test.code, code(test.err), name)
	}
}

// TestLookupsArePaged: every id comes once and in order, on pages that are full
// but for the last, and the last says that it is.
func TestLookupsArePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := access.Object{Type: access.TypeClient, ID: "acme"}
	w.relate(client, "admin", access.User("ann"))
	var projects, people []string
	for n := range 12 {
		p := project(fmt.Sprintf("p%02d", n))
		projects = append(projects, p.ID)
		w.relate(p, "client", client)
		w.relate(p, "member", access.User("ann")) // a second way to the same project

		person := access.User(fmt.Sprintf("u%02d", n))
		people = append(people, person.ID)
		w.relate(project("p00"), "member", person)
	}
	lookups := map[string]struct {
		page func(access.Page) (access.Lookup, error)
		all  []string
	}{
		"resources": {func(p access.Page) (access.Lookup, error) {
			return w.LookupResources(t.Context(), access.TypeProject, "view", access.Subject{Object: access.User("ann")}, p)
		}, projects},
		"subjects": {func(p access.Page) (access.Lookup, error) {
			return w.LookupSubjects(t.Context(), project("p00"), "view", access.TypeUser, p)
		}, append([]string{"ann"}, people...)},
	}
	for name, lookup := range lookups {
		for _, limit := range []int{1, 3, 4, 12, 13, 100} {
			var found []string
			page := access.Page{Limit: limit}
			for {
				cut, err := lookup.page(page)
				require.NoError(t, err)
				assert.NotEmpty(t, cut.CheckedAt)
				found = append(found, cut.IDs...)
				if cut.Next == "" {
					assert.NotEmpty(t, cut.IDs, "%s by %d: no page is announced in vain", name, limit)
					break
				}
				assert.Len(t, cut.IDs, limit, name)
				page.Cursor = cut.Next
			}
			assert.Equal(t, lookup.all, found, "%s by %d", name, limit)
		}
		_, err := lookup.page(access.Page{Limit: 3, Cursor: "no cursor!"})
		assert.Equal(t, "malformed_cursor", code(err), name)
	}
}

// TestPagesOfLookupsDoNotShift when what the last page ended with is gone.
func TestPagesOfLookupsDoNotShift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		w.relate(project(id), "member", access.User("ann"))
	}
	page := func(cursor string) access.Lookup {
		found, err := w.LookupResources(t.Context(), access.TypeProject, "view", access.Subject{Object: access.User("ann")}, access.Page{Limit: 2, Cursor: cursor})
		require.NoError(t, err)
		return found
	}
	first := page("")
	require.Equal(t, []string{"a", "b"}, first.IDs)
	var write access.Write
	write.Delete(access.Relate(project("b"), "member", access.User("ann")))
	_, err := w.gateway.Write(t.Context(), write)
	require.NoError(t, err)
	w.relate(project("aa"), "member", access.User("ann"))

	assert.Equal(t, []string{"c", "d"}, page(first.Next).IDs)
}

func TestCovers(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	earlier := other.relate(project("apollo"), "member", access.User("ann"))
	own := w.relate(project("apollo"), "member", access.User("ann"))
	later := other.relate(project("apollo"), "member", access.User("bob"))
	for name, test := range map[string]struct {
		token access.Token
		code  string
	}{
		"of a write here":               {own, ""},
		"of an earlier write elsewhere": {earlier, "foreign_token"},
		"of a later write elsewhere":    {later, "foreign_token"},
		"empty":                         {"", "malformed_token"},
		"not base64":                    {"!", "malformed_token"},
		"base64 of noise":               {access.Token(base64.StdEncoding.EncodeToString([]byte("noise"))), "malformed_token"},
		"cut short":                     {own[:len(own)/2], "malformed_token"},
	} {
		err := w.Covers(t.Context(), test.token)
		assert.Equal(t, test.code, code(err), "%s: %v", name, err)
		assert.Equal(t, test.code == "", err == nil, "%s: %v", name, err)
	}
}
