package operations_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// list is a listing of objects, page by page.
type listing func(access.Page) ([]access.ObjectProfile, string, error)

// ids collects all pages of three.
func ids(t *testing.T, list listing) []string {
	t.Helper()
	var found []string
	page := access.Page{Limit: 3}
	for {
		profiles, next, err := list(page)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(profiles), page.Limit)
		for _, p := range profiles {
			found = append(found, p.ID)
		}
		if page.Cursor = next; next == "" {
			return found
		}
	}
}

// TestObjectsListWhatTheViewerMayRead, once each, however many ways lead there.
func TestObjectsListWhatTheViewerMayRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.given("client:other#partner@partner:lex", "project:hermes#client@client:other", "project:hermes#member@user:carl")
	for n := range 6 {
		id := fmt.Sprintf("project:p%d", n)
		w.given(id+"#client@client:acme", id+"#admin@user:carl")
	}
	kind, _ := roles.KindOf(access.TypeProject)
	of := func(name string) []string {
		return ids(t, func(p access.Page) ([]access.ObjectProfile, string, error) {
			return w.Objects(t.Context(), w.person(name), kind, p)
		})
	}
	assert.Equal(t, []string{"apollo", "hermes", "p0", "p1", "p2", "p3", "p4", "p5"}, of("carl"))
	assert.Equal(t, []string{"apollo", "hermes", "p0", "p1", "p2", "p3", "p4", "p5"}, of("olga"))
	assert.Equal(t, []string{"apollo"}, of("pete"))
	assert.Empty(t, of("ann"))

	_, _, err := w.Objects(t.Context(), w.person("carl"), kind, access.Page{Limit: 3, Cursor: "no cursor!"})
	assert.True(t, access.HasCode(err, "malformed_cursor"), "got %v", err)
}

func TestChildrenListWhatHangsFromAnObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.given("client:other#partner@partner:lex", "project:hermes#client@client:other", "project:zeus#client@client:acme")
	_, _, err := w.Create(t.Context(), w.by("carl"), operations.NewObject{
		Type: access.TypeProject, Parent: w.object("client:acme"), ID: new("gemini"), Name: "Gemini", TimeZone: "Asia/Tokyo",
	})
	require.NoError(t, err)
	for n := range 4 {
		w.given(fmt.Sprintf("project:p%d#client@client:acme", n))
	}
	kind, _ := roles.KindOf(access.TypeProject)
	children := func(p access.Page) ([]access.ObjectProfile, string, error) {
		return w.Children(t.Context(), w.object("client:acme"), kind, p)
	}
	assert.Equal(t, []string{"apollo", "gemini", "p0", "p1", "p2", "p3", "zeus"}, ids(t, children))

	page, _, err := children(access.Page{Limit: 2})
	require.NoError(t, err)
	assert.Equal(t, []access.ObjectProfile{
		{Object: w.object("project:apollo"), Name: "apollo", TimeZone: "Europe/Zurich"}, // zed made it, so it is called by its id
		{Object: w.object("project:gemini"), Name: "Gemini", TimeZone: "Asia/Tokyo"},
	}, page)

	_, _, err = children(access.Page{Limit: 3, Cursor: "no cursor!"})
	assert.True(t, access.HasCode(err, "malformed_cursor"), "got %v", err)
}
