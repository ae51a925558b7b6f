package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTour is the main job from end to end: a site is set up, a person is invited,
// accepts and may view a project, until their role is ended. zed agrees throughout.
func TestTour(t *testing.T) {
	t.Parallel()
	s := shared
	w := empty(s, "tour")
	partner, client, project := w.id("partner"), w.id("client"), w.id("project")

	// An operator opens a site and appoints its first admin, who builds it up.
	operator := s.operator(t)
	operator.post(t, "/v1/partners", object{"id": partner, "name": "Tour Legal", "time_zone": "Europe/Zurich"}).want(t, http.StatusCreated)
	operator.post(t, w.path("partner")+"/members", object{
		"email": w.email("paula"), "email_confirmation": strings.ToUpper(w.email("paula")),
		"given_name": "Paula", "family_name": "Berger", "roles": []string{"partner_admin"},
	}).want(t, http.StatusCreated)
	paula := s.as(t, w.email("paula"))
	paula.post(t, w.path("partner")+"/clients", object{"id": client, "name": "Globex"}).want(t, http.StatusCreated)
	created := paula.post(t, w.path("client")+"/projects", object{"id": project, "name": "Discovery"}).want(t, http.StatusCreated)
	assert.Equal(t, project, created.text(t, "object", "id"))
	assert.NotEmpty(t, created.text(t, "written_at"))

	// She invites somebody nobody knows yet.
	invited := paula.post(t, w.path("project")+"/invitations", object{"email": w.email("uma"), "given_name": "Uma"}).want(t, http.StatusCreated)
	assert.Equal(t, "pending", invited.text(t, "invitation", "status"))
	assert.Equal(t, []any{"project_member"}, invited.at(t, "invitation", "roles"))
	letter := s.letter(t, w.email("uma"))
	assert.Equal(t, "Your invitation to Discovery", letter.subject)
	link, token := letter.link(t)

	// Looking at the link accepts nothing.
	path, found := strings.CutPrefix(link, s.url)
	require.True(t, found, "%s leads elsewhere", link)
	require.Equal(t, http.StatusOK, page(t, s, path).status)

	uma := s.as(t, w.email("uma"))
	umaID := uma.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
	mayView := func(freshAs string) bool {
		check := object{
			"resource":   object{"type": "project", "id": project},
			"permission": "view",
			"subject":    object{"type": "user", "id": umaID},
		}
		if freshAs != "" {
			check["consistency"] = object{"at_least_as_fresh": freshAs}
		}
		byMyself := uma.post(t, "/v1/check", check).want(t, http.StatusOK).at(t, "allowed")
		check["subject"] = object{"type": "user", "email": w.email("uma")}
		byAdmin := paula.post(t, "/v1/check", check).want(t, http.StatusOK).at(t, "allowed")
		assert.Equal(t, byMyself, byAdmin, "by id and by e-mail")
		assert.Equal(t, byMyself, s.zedAllows(t, "project:"+project, "view", "user:"+umaID), "zed")
		return byMyself == true
	}
	assert.False(t, mayView(""))

	// The link is for her alone, and for once.
	paula.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusForbidden).code(t, "email_mismatch")
	assert.False(t, mayView(""))
	accepted := uma.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	assert.Equal(t, "created", accepted.text(t, "outcome"))
	assert.Equal(t, umaID, accepted.text(t, "user", "id"))
	assert.True(t, mayView(accepted.text(t, "written_at")))
	uma.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusConflict).code(t, "not_pending")

	// zed sees all of it.
	printed, err := say(t.Context(), "", gatehouse, "schema", "print")
	require.NoError(t, err)
	assert.Equal(t, declared(printed), declared(s.zed(t, "schema", "read")))
	assert.Equal(t, fmt.Sprintf("project:%s client client:%s\nproject:%s member user:%s\n", project, client, project, umaID),
		s.zed(t, "relationship", "read", "--consistency-full", "project:"+project))
	explained := s.zed(t, "permission", "check", "--explain", "--consistency-full", "project:"+project, "view", "user:"+umaID)
	assert.Contains(t, explained, "member", "the path to the answer")

	// The role ends, and with it the access.
	ended := paula.delete(t, w.path("project")+"/members/"+umaID+"/roles/project_member").want(t, http.StatusNoContent)
	assert.Empty(t, ended.body)
	assert.False(t, mayView(ended.header.Get("Gatehouse-Written-At")))
	uma.get(t, w.path("project")).want(t, http.StatusNotFound)
}

// TestZedValidatesWhatItReads takes the schema that is served through zed's checks.
func TestZedValidatesWhatItReads(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "served.zed")
	require.NoError(t, os.WriteFile(file, []byte(shared.zed(t, "schema", "read")), 0o600))
	_, err := say(t.Context(), "", zed, "validate", "--fail-on-warn", file)
	require.NoError(t, err)
}

// TestZedSeesAWriteAtOnce runs zed as a person does, without asking for any consistency.
func TestZedSeesAWriteAtOnce(t *testing.T) {
	t.Parallel()

	w := build(t, shared, "at-once")
	member := "user:" + w.add(t, "project", w.email("mia"), "project_member")
	assert.Contains(t, shared.zed(t, "relationship", "read", "project:"+w.id("project")), " member "+member)
	assert.Equal(t, "true", strings.TrimSpace(shared.zed(t, "permission", "check", "project:"+w.id("project"), "view", member)))
}

// TestZedIsKeptOutWithoutTheKey opens SpiceDB's own API to nobody else.
func TestZedIsKeptOutWithoutTheKey(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ key, refusal string }{
		"no key":      {"", "Unauthenticated"},
		"another key": {"another-key-of-sixteen", "PermissionDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := say(t.Context(), "", zed, "relationship", "read", "project", "--max-retries", "1",
				"--endpoint", shared.grpc, "--insecure", "--token", c.key, "--skip-version-check")
			require.ErrorContains(t, err, c.refusal)
		})
	}
}

var declaration = regexp.MustCompile(`(?m)^\s*(?:definition|relation|permission) \w+`)

// declared lists what a schema declares, in order: SpiceDB lays schemas out its own way.
func declared(schema string) []string {
	found := declaration.FindAllString(schema, -1)
	for i := range found {
		found[i] = strings.TrimSpace(found[i])
	}
	slices.Sort(found)
	return found
}
