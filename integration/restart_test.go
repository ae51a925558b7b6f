package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRestartKeepsEverything stops a server and starts it again, as an upgrade does:
// the same people have the same roles, and know each other by the same names. Who
// had signed in is signed in, and whoever was invited may accept.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "restarted")
	w.add(t, "project", w.email("mia"), "project_member")
	mia := s.as(t, w.email("mia"))
	who := mia.get(t, "/v1/me").want(t, http.StatusOK)
	admin := w.admin(t, "project")
	admin.post(t, w.path("project")+"/invitations", object{"email": w.email("ina"), "given_name": "Ina"}).want(t, http.StatusCreated)
	link, token := s.letter(t, w.email("ina")).link(t)
	listed, relationships := listings(t, w), s.relationships(t)

	require.NoError(t, s.stop())
	w.server = s.again(t)
	assert.Equal(t, listed, listings(t, w))
	assert.Equal(t, relationships, w.server.relationships(t))

	mia.server, admin.server = w.server, w.server
	assert.Equal(t, string(who.body), string(mia.get(t, "/v1/me").want(t, http.StatusOK).body))
	mia.get(t, w.path("project")).want(t, http.StatusOK)
	assert.Equal(t, http.StatusOK, page(t, w.server, strings.TrimPrefix(link, s.url)).status)
	ina := w.server.as(t, w.email("ina"))
	accepted := ina.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	assert.Equal(t, "Ina", ina.get(t, "/v1/me").text(t, "given_name"))
	assert.True(t, w.server.facts(t)["project:"+w.id("project")+"#member@user:"+accepted.text(t, "user", "id")])
	w.server.mailsOnly(t, w, w.email("ina"))
}

// TestDemoIsLoadedOnce starts the demo again, as `make run` does the next day. It
// adds nothing to what is there, and takes nothing back that was done meanwhile.
func TestDemoIsLoadedOnce(t *testing.T) {
	t.Parallel()
	flags := []string{"--demo", "--operators", "olga@operators.example"}
	s := start(t, flags...)
	await(t, "four mails", func() bool { return len(s.letters(t)) == 4 })
	w := build(t, s, "beside-the-demo")
	_, token := s.letter(t, "noor.haddad@globex.example").link(t)
	s.as(t, "noor.haddad@globex.example").post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	listed, relationships := listings(t, w), s.relationships(t)

	require.NoError(t, s.stop())
	w.server = s.again(t, flags...)
	assert.Equal(t, relationships, w.server.relationships(t))
	assert.Equal(t, listed, listings(t, w))
	w.server.mailsOnly(t, w, "noor.haddad@globex.example",
		"eva.schmid@alpenhost.example", "finn.maas@nordnet.example", "sofia.conti@wanderlust.example")
}

// mailsOnly insists that one mail to each of these people is all there is. Mails
// are sent in order, so another one comes behind whatever is still to come.
func (s *server) mailsOnly(t *testing.T, w world, people ...string) {
	t.Helper()

	last := w.email(w.fresh())
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": last}).want(t, http.StatusCreated)
	s.letter(t, last)
	var to []string
	for _, l := range s.letters(t) {
		to = append(to, l.to)
	}
	assert.ElementsMatch(t, append(people, last), to)
}

// TestInMemoryForgets keeps nothing, and says so.
func TestInMemoryForgets(t *testing.T) {
	t.Parallel()
	s := start(t, "--in-memory")
	assert.Contains(t, s.stderr.String(), "in-memory: people and relationships are gone when the server stops")
	empty := s.relationships(t)
	w := build(t, s, "forgotten")
	require.NotEqual(t, empty, s.relationships(t))
	require.NoError(t, s.stop())
	assert.Equal(t, []string{"dev-key.pem", "grpc-key", "outbox"}, names(t, s.dataDir), "there is no data")

	w.server = s.again(t, "--in-memory")
	assert.Equal(t, empty, w.server.relationships(t))
	w.server.operator(t).get(t, w.path("partner")).want(t, http.StatusNotFound)
}
