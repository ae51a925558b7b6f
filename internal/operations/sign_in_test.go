package operations_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

func login(name string) access.Login {
	return access.Login{Issuer: "https://login.example", Subject: "subject of " + name, Email: address(name), EmailVerified: true}
}

func TestOperatorsAreAppointedAtTheirFirstLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, address("olga"))

	person, err := w.SignIn(t.Context(), login("olga"))
	require.NoError(t, err)
	assert.True(t, w.may("olga", "operate", "platform:gatehouse"))
	require.Len(t, w.store.writes(), 1)
	assert.Equal(t, access.Cause{Operation: "appoint_operator", Actor: access.System, At: now()}, w.store.writes()[0].Cause)

	again, err := w.SignIn(t.Context(), login("olga"))
	require.NoError(t, err)
	assert.Equal(t, person, again)
	assert.Len(t, w.store.writes(), 1, "who is operator already needs no write")
}

func TestOnlyNamedOperatorsAreAppointed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, address("olga"))

	_, err := w.SignIn(t.Context(), login("ann"))
	require.NoError(t, err)
	assert.False(t, w.may("ann", "operate", "platform:gatehouse"))

	unverified := login("olga")
	unverified.EmailVerified = false
	_, err = w.SignIn(t.Context(), unverified)
	assert.True(t, access.HasCode(err, "email_unverified"), "got %v", err)

	impostor := login("ann") // whom the issuer knows by another address now
	impostor.Email, impostor.EmailVerified = address("olga"), false
	_, err = w.SignIn(t.Context(), impostor)
	require.NoError(t, err)
	assert.False(t, w.may("ann", "operate", "platform:gatehouse"))
	assert.Empty(t, w.store.writes())
}

func TestTheDevIssuerMayMakeAnOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := login("olga")
	l.Operator = true
	_, err := w.SignIn(t.Context(), l)
	require.NoError(t, err)
	assert.True(t, w.may("olga", "operate", "platform:gatehouse"))
}

// TestOperatorsAreKeptInStep with the configuration: Olga stays, Otto was dropped
// from it, Omar is new to it and known, Oona is new and has never signed in, Oleg
// is a contact without a login, and nobody knows who zed wrote.
func TestOperatorsAreKeptInStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, address("olga"), address("omar"), address("oona"), address("oleg"))
	_, err := w.SignIn(t.Context(), login("omar"))
	require.NoError(t, err)
	w.gone("platform:gatehouse#operator@user:omar") // he signed in before he was named
	w.given("platform:gatehouse#operator@user:olga", "platform:gatehouse#operator@user:otto", "platform:gatehouse#support@user:otto")
	var unknown access.Write
	unknown.Touch(access.Relate(access.Platform, "operator", access.User("zed")))
	w.past(unknown)
	w.person("oleg")

	require.NoError(t, w.KeepOperators(t.Context()))

	assert.ElementsMatch(t,
		[]string{"platform:gatehouse#operator@user:olga", "platform:gatehouse#operator@user:omar"},
		w.facts(access.On(access.Platform, "operator")))
	assert.True(t, w.may("otto", "assist", "platform:gatehouse"), "his other role is not the configuration's")

	for _, name := range []string{"oona", "oleg"} {
		_, err := w.SignIn(t.Context(), login(name))
		require.NoError(t, err)
		assert.True(t, w.may(name, "operate", "platform:gatehouse"), "%s takes office at the first login", name)
	}

	w.store.forget()
	require.NoError(t, w.KeepOperators(t.Context()))
	assert.Empty(t, w.store.writes(), "nothing is out of step")
}

// TestIssuersNamePeopleWithinReason: at many of them people write what they like, and
// what they write would stand in mails.
func TestIssuersNamePeopleWithinReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := login("ann")
	l.GivenName, l.FamilyName = "Ann\r\nBcc: eve@evil.example", strings.Repeat("a", 201)
	person, err := w.SignIn(t.Context(), l)
	require.NoError(t, err)
	assert.Empty(t, person.GivenName)
	assert.Empty(t, person.FamilyName)

	l.GivenName, l.FamilyName = "Ann", "Lee"
	person, err = w.SignIn(t.Context(), l)
	require.NoError(t, err)
	assert.Equal(t, "Ann Lee", person.GivenName+" "+person.FamilyName)
}
