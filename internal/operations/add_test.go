package operations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// TestRivalRolesAddedAtOnce gives one person every role of a rivalry at the same
// moment. Whatever the order, the highest alone remains.
func TestRivalRolesAddedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	for name, test := range map[string]struct {
		tie, by string
		roles   []string
	}{
		"project:%d":          {"client@client:acme", "carl", []string{"project_member", "project_admin"}},
		"customer_account:%d": {"platform@platform:gatehouse", "olga", []string{"portal_read_only_user", "portal_technical_user", "portal_admin"}},
	} {
		for n := range 8 {
			id := fmt.Sprintf(name, n)
			w.given(id + "#" + test.tie)
			object, by, ann := w.object(id), w.by(test.by), w.person("ann")
			for _, err := range atOnce(2*len(test.roles), func(n int) error {
				_, err := w.Add(t.Context(), by, object, newcomer("ann"), []string{test.roles[n%len(test.roles)]}, nil)
				return err
			}) {
				require.NoError(t, err)
			}
			highest, err := roles.Find(object.Type, test.roles[len(test.roles)-1])
			require.NoError(t, err)
			assert.Equal(t, []string{id + "#" + highest.Relation + "@user:ann"}, w.facts(access.On(object, "").To(ann)))
		}
	}
}

// TestContactsGainAccessOnFirstLogin (NINE-6): a person who was added without
// ever having signed in has access from their first login on, by no further
// write, and whatever form their e-mail has there.
func TestContactsGainAccessOnFirstLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.given("customer_account:alp#platform@platform:gatehouse", "platform:gatehouse#support@user:sam")
	added, err := w.Add(t.Context(), w.by("sam"), w.object("customer_account:alp"),
		operations.Newcomer{Email: "Ann@Example.COM", GivenName: "Ann", FamilyName: "Lee"}, []string{"cockpit_access"}, nil)
	require.NoError(t, err)
	assert.False(t, added.Person.HasLogin)
	w.store.forget()

	signedIn, err := w.SignIn(t.Context(), access.Login{Issuer: "https://login.example", Subject: "4711", Email: address("ann"), EmailVerified: true})

	require.NoError(t, err)
	assert.Equal(t, added.Person.ID, signedIn.ID)
	assert.True(t, signedIn.HasLogin)
	assert.Equal(t, "Lee", signedIn.FamilyName)
	assert.Empty(t, w.store.writes())
	assert.True(t, w.may("ann", "access_cockpit", "customer_account:alp"))
}

func TestAddKeepsTheNamesOfAKnownPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	n := newcomer("ann")
	n.GivenName, n.FamilyName = "Ann", "Lee"
	_, err := w.Add(t.Context(), w.by("pete"), w.object("project:apollo"), n, nil, nil)
	require.NoError(t, err)

	n.GivenName, n.FamilyName = "Annabel", "Leigh"
	added, err := w.Add(t.Context(), w.by("carl"), w.object("client:acme"), n, []string{"client_admin"}, nil)
	require.NoError(t, err)
	assert.Equal(t, "Ann Lee", added.Person.GivenName+" "+added.Person.FamilyName)
}

func TestAddRefusesWhatIsNoPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given(site...)
	w.store.forget()
	for code, newcomers := range map[string][]operations.Newcomer{
		"invalid_email": {{Email: ""}, {Email: "ann"}, {Email: "ann@localhost"}, {Email: "Ann <ann@example.com>"}},
		"invalid_name": {
			{Email: "ann@example.com", GivenName: "Ann\nBcc: all"},
			{Email: "ann@example.com", FamilyName: "\u202egnp.exe"},
			{Email: "ann@example.com", FamilyName: strings.Repeat("é", 201)},
		},
	} {
		for _, n := range newcomers {
			_, err := w.Add(t.Context(), w.by("pete"), w.object("project:apollo"), n, nil, nil)
			assert.True(t, access.HasCode(err, code), "%+v: got %v", n, err)
			_, _, err = w.Invite(t.Context(), w.by("pete"), w.object("project:apollo"), n, nil, nil, 0)
			assert.True(t, access.HasCode(err, code), "%+v: got %v", n, err)
		}
	}
	assert.Empty(t, w.store.writes())
}

// TestAddNoticesWhatHappensMeanwhile changes the object or the person between
// what the add has read and what it commits.
func TestAddNoticesWhatHappensMeanwhile(t *testing.T) {
	t.Parallel()
	engine := start(t)
	for name, test := range map[string]struct {
		happens func(w *world)
		code    string
		outcome operations.Outcome
	}{
		"removed from the site": {
			happens: func(w *world) { w.given("partner:lex#removed@user:ann", "partner:lex#removing@user:ann") }, code: "cleanup_under_way",
		},
		"the project is deleted": {
			happens: func(w *world) { w.gone("project:apollo#client@client:acme") }, code: "not_found",
		},
		"somebody else added them": {
			happens: func(w *world) { w.given("project:apollo#member@user:ann") }, outcome: operations.Unchanged,
		},
		"somebody made them admin": {
			happens: func(w *world) { w.given("project:apollo#admin@user:ann") }, outcome: operations.Unchanged,
		},
		"somebody made them admin until a date": {
			happens: func(w *world) { w.given("project:apollo#admin@user:ann[expiration:2100-06-30T22:00:00Z]") }, code: "would_shorten",
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine.clear(t)
			w := engine.world(t)
			w.given(site...)
			w.meanwhile(func() { test.happens(w) })

			added, err := w.Add(t.Context(), w.by("pete"), w.object("project:apollo"), newcomer("ann"), []string{"project_member"}, nil)

			if test.code != "" {
				assert.True(t, access.HasCode(err, test.code), "got %v", err)
			} else {
				require.NoError(t, err)
				assert.Equal(t, test.outcome, added.Outcome)
			}
			assert.Empty(t, w.store.writes())
		})
	}
}
