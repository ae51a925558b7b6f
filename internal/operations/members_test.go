package operations_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// crew is an account with six people; Zed is known to nobody but zed.
func crew(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.given("customer_account:alp#platform@platform:gatehouse", "platform:gatehouse#support@user:sam")
	for _, member := range []struct{ email, given, family, roles string }{
		{"ann", "Ann", "Lee", "cockpit_access customer_admin"},
		{"bea", "Bea", "Étienne", "technical_contact"},
		{"cid", "cid", "lee", "portal_admin cockpit_access"},
		{"dan", "Dan", "Abel", "technical_contact"},
		{"eve", "", "", "portal_read_only_user"},
	} {
		n := newcomer(member.email)
		n.GivenName, n.FamilyName = member.given, member.family
		_, err := w.Add(t.Context(), w.by("sam"), w.object("customer_account:alp"), n, strings.Fields(member.roles), nil)
		require.NoError(t, err)
	}
	var write access.Write
	write.Touch(access.Relate(w.object("customer_account:alp"), "cockpit_access", access.User("zed")))
	w.past(write)
	return w
}

// members lists all pages of a query, by name.
func (w *world) members(q operations.MemberQuery, between func()) []string {
	w.t.Helper()
	var listed []string
	q.Page.Limit = 2
	for {
		page, next, err := w.Members(w.t.Context(), w.object("customer_account:alp"), q)
		require.NoError(w.t, err)
		assert.LessOrEqual(w.t, len(page), q.Page.Limit)
		for _, m := range page {
			name, _, _ := strings.Cut(string(m.Person.Email), "@")
			if name == "" {
				name = m.Person.ID
			}
			listed = append(listed, name)
		}
		if next == "" {
			return listed
		}
		q.Page.Cursor = next
		between()
	}
}

func TestMembersAreSearchedSortedAndPaged(t *testing.T) {
	t.Parallel()
	w := crew(t)
	for name, test := range map[string]struct {
		query  operations.MemberQuery
		wanted string
	}{
		"by name, the nameless first": {operations.MemberQuery{}, "eve zed dan ann cid bea"},
		"by name, any case":           {operations.MemberQuery{Sort: "name"}, "eve zed dan ann cid bea"},
		"by name, descending":         {operations.MemberQuery{Sort: "-name"}, "bea cid ann dan zed eve"},
		"by e-mail":                   {operations.MemberQuery{Sort: "email"}, "zed ann bea cid dan eve"},
		"by e-mail, descending":       {operations.MemberQuery{Sort: "-email"}, "eve dan cid bea ann zed"},
		"search in family names":      {operations.MemberQuery{Search: "LEE"}, "ann cid"},
		"search in given names":       {operations.MemberQuery{Search: "dan"}, "dan"},
		"search in full names":        {operations.MemberQuery{Search: "bea étienne"}, "bea"},
		"search in e-mails":           {operations.MemberQuery{Search: "eve@", Sort: "email"}, "eve"},
		"search in vain":              {operations.MemberQuery{Search: "nobody"}, ""},
		"of a role":                   {operations.MemberQuery{RoleID: "cockpit_access"}, "zed ann cid"},
		"of a role, searched":         {operations.MemberQuery{RoleID: "technical_contact", Search: "abel"}, "dan"},
		"of a role nobody has":        {operations.MemberQuery{RoleID: "portal_technical_user"}, ""},
	} {
		assert.Equal(t, test.wanted, strings.Join(w.members(test.query, func() {}), " "), name)
	}
}

func TestMembersShowTheirRoles(t *testing.T) {
	t.Parallel()
	w := crew(t)
	w.given("customer_account:alp#portal_read_only_user@user:ann[expiration:2100-06-30T22:00:00Z]")
	found, _, err := w.Members(t.Context(), w.object("customer_account:alp"), operations.MemberQuery{Search: "ann", Page: access.Page{Limit: 2}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	var held []string
	for _, h := range found[0].Roles {
		end := "for good"
		if !h.EndsAt.IsZero() {
			end = "until " + h.EndsAt.Format("2006-01-02 15:04")
		}
		held = append(held, h.Role.ID+" "+end)
	}
	assert.Equal(t, []string{"customer_admin for good", "cockpit_access for good", "portal_read_only_user until 2100-06-30 22:00"}, held)
}

// TestPagesOfMembersDoNotShift when people come and go between two pages: who
// stays is seen once.
func TestPagesOfMembersDoNotShift(t *testing.T) {
	t.Parallel()
	w := crew(t)
	pages := 0
	listed := w.members(operations.MemberQuery{Sort: "email"}, func() {
		switch pages++; pages {
		case 1: // zed and ann were seen
			w.ends("sam", "technical_contact", "bea", "customer_account:alp") // next in line
			w.given("customer_account:alp#technical_contact@user:aaron")      // would have come before
		case 2: // cid and dan were seen
			w.ends("sam", "technical_contact", "dan", "customer_account:alp") // last seen
			w.given("customer_account:alp#technical_contact@user:fay")
		}
	})
	assert.Equal(t, []string{"zed", "ann", "cid", "dan", "eve", "fay"}, listed)
}

func TestMembersRefuseWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for code, q := range map[string]operations.MemberQuery{
		"invalid_search":   {Search: strings.Repeat("é", 201)},
		"invalid_sort":     {Sort: "age"},
		"unknown_role":     {RoleID: "janitor"},
		"malformed_cursor": {Page: access.Page{Cursor: "no cursor!"}},
	} {
		_, _, err := w.Members(t.Context(), w.object("customer_account:alp"), q)
		assert.True(t, access.HasCode(err, code), "%s: got %v", code, err)
	}
}
