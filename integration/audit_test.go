package integration

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// event is what the audit tells of one change.
type event struct {
	ID        string
	Operation string
	Actor     *struct {
		Type, ID, Email string
	}
	People []struct {
		ID, Email  string
		GivenName  string `json:"given_name"`
		FamilyName string `json:"family_name"`
	}
	Objects []struct{ Type, ID string }
	Updates []struct {
		Verb     string
		Resource struct{ Type, ID string }
		Relation string
		Subject  struct{ Type, ID, Relation string }
		EndsAt   *time.Time `json:"ends_at"`
	}
	Reason    string
	RequestID string `json:"request_id"`
	From      string
	At        time.Time
	WrittenAt string `json:"written_at"`
}

// texts are the updates in zed's notation, in order.
func (e event) texts() []string {
	var texts []string
	for _, u := range e.Updates {
		text := u.Verb + " " + u.Resource.Type + ":" + u.Resource.ID + "#" + u.Relation + "@" + u.Subject.Type + ":" + u.Subject.ID
		if u.EndsAt != nil {
			text += "[expiration:" + u.EndsAt.Format(time.RFC3339) + "]"
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

// events lists a query's events on all its pages, newest first.
func (c caller) events(t *testing.T, query string) []event {
	t.Helper()

	var all []event
	for cursor := ""; ; {
		var page struct {
			Events []event
			Next   string `json:"next_cursor"`
		}
		got := c.get(t, "/v1/audit-events?limit=1000&cursor="+url.QueryEscape(cursor)+"&"+query).want(t, http.StatusOK)
		require.NoError(t, json.Unmarshal(got.body, &page))
		all = append(all, page.Events...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// event awaits the newest of a query's events: the audit follows the changes.
func (c caller) event(t *testing.T, query string) (newest event) {
	t.Helper()

	await(t, "an event of "+query, func() bool {
		found := c.events(t, query)
		if len(found) > 0 {
			newest = found[0]
		}
		return len(found) > 0
	})
	return newest
}

// TestTheAuditTellsWhoDidWhat to whom, on what, how, why, when and from where.
func TestTheAuditTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "audited")
	admin, operator := w.admin(t, "project"), shared.operator(t)
	before := time.Now().Add(-time.Second)
	added := admin.do(t, http.MethodPost, w.path("project")+"/members", object{
		"email": w.email("mia"), "email_confirmation": w.email("mia"), "given_name": "Mia", "family_name": "Lee",
	}, "Gatehouse-Reason", "new here", "X-Request-ID", "request-of-mia", "X-Forwarded-For", "198.51.100.7").want(t, http.StatusCreated)
	mia, me := added.text(t, "user", "id"), admin.get(t, "/v1/me").text(t, "id")

	for name, c := range map[string]caller{"operator": operator, "admin": admin} {
		e := c.event(t, "object=project:"+w.id("project")+"&person="+mia)
		assert.Equal(t, "add", e.Operation, name)
		assert.Equal(t, me, e.Actor.ID)
		require.Len(t, e.People, 1)
		assert.Equal(t, mia, e.People[0].ID)
		assert.Equal(t, "Mia Lee", e.People[0].GivenName+" "+e.People[0].FamilyName)
		assert.Contains(t, e.texts(), "touch project:"+w.id("project")+"#member@user:"+mia)
		assert.Equal(t, "new here", e.Reason)
		assert.Equal(t, "request-of-mia", e.RequestID)
		from := map[string]string{"operator": "127.0.0.1", "admin": ""} // where others sit is for operators
		assert.Equal(t, from[name], e.From, "a header can say anything")
		assert.WithinRange(t, e.At, before, time.Now().Add(time.Second))
		assert.NotEmpty(t, e.WrittenAt)
	}
	until := url.QueryEscape(before.Format(time.RFC3339Nano))
	assert.Empty(t, operator.events(t, "person="+mia+"&to="+until))
	assert.NotEmpty(t, operator.events(t, "person="+mia+"&from="+until))
	assert.Empty(t, operator.events(t, "person="+mia+"&operation=end_role"))
	assert.NotEmpty(t, operator.events(t, "actor="+me+"&object=project:"+w.id("project")))
	assert.Empty(t, operator.events(t, "actor=platform:gatehouse&person="+mia))
}

// TestTheAuditSeesZed and every other client of SpiceDB.
func TestTheAuditSeesZed(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "audited-zed")
	who := w.fresh()
	shared.zed(t, "relationship", "touch", "project:"+w.id("project"), "member", "user:"+who)

	e := shared.operator(t).event(t, "person="+who)
	assert.Equal(t, "outside", e.Operation)
	assert.Nil(t, e.Actor)
	assert.WithinDuration(t, time.Now(), e.At, time.Minute)
	assert.Equal(t, []string{"touch project:" + w.id("project") + "#member@user:" + who}, e.texts())
	assert.Empty(t, e.People[0].Email, "whom the directory does not know is an id")
}

// TestTheAuditKeepsSecrets: what a change did elsewhere, who was invited, and what
// people are called who have no role on the object.
func TestTheAuditKeepsSecrets(t *testing.T) {
	t.Parallel()
	here, elsewhere := build(t, shared, "secret-here"), build(t, shared, "secret-elsewhere")
	operator, admin := shared.operator(t), here.admin(t, "project")
	stranger := elsewhere.add(t, "project", here.email("known"), "project_member")
	invited := admin.post(t, here.path("project")+"/invitations", object{"email": here.email("known")}).
		want(t, http.StatusCreated).text(t, "invitation", "id")

	about := "object=project:" + here.id("project")
	seen := admin.event(t, about+"&operation=invite")
	assert.Empty(t, seen.People)
	assert.NotContains(t, strings.Join(seen.texts(), " "), stranger)
	assert.Contains(t, strings.Join(seen.texts(), " "), "touch invitation:"+invited+"#offers_project_member@project:"+here.id("project"))
	assert.Empty(t, admin.events(t, about+"&person="+stranger))
	whole := operator.event(t, about+"&operation=invite")
	require.Len(t, whole.People, 1)
	assert.Equal(t, stranger, whole.People[0].ID)

	// One write of zed's in two sites.
	var updates []*v1.RelationshipUpdate
	for _, w := range []world{here, elsewhere} {
		updates = append(updates, &v1.RelationshipUpdate{
			Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
			Relationship: &v1.Relationship{
				Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: w.id("project")}, Relation: "admin",
				Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "somebody"}},
			},
		})
	}
	_, err := v1.NewPermissionsServiceClient(shared.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{Updates: updates})
	require.NoError(t, err)
	assert.Len(t, operator.event(t, about+"&operation=outside").Updates, 2)
	assert.Len(t, admin.event(t, about+"&operation=outside").Updates, 1)

	for _, query := range []string{"", "?person=" + stranger, "?object=project:" + elsewhere.id("project"), "?object=api_key:a", "?object=invitation:" + invited} {
		want := http.StatusNotFound
		if !strings.Contains(query, "object=") {
			want = http.StatusForbidden
		}
		admin.get(t, "/v1/audit-events"+query).want(t, want)
	}

	for _, e := range admin.events(t, "object=partner:"+here.id("partner")) {
		if e.Actor.ID != admin.get(t, "/v1/me").text(t, "id") {
			assert.Empty(t, e.Actor.Email, "an operator has no role on the partner, and stays an id")
		}
	}
}

// TestKilledServerAuditsEachWriteOnce kills the server amid writes, over and over.
// In the end every change that Watch tells of from the beginning is one event, with
// the same updates, and every acknowledged write is among them.
func TestKilledServerAuditsEachWriteOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	beginning := s.place(t)
	w := build(t, s, "killed-audit")

	var all []deed
	for range kills {
		load, moment := w.load(t), least+rand.N(least)
		await(t, "load", func() bool { return len(load.done()) >= moment })
		require.NoError(t, s.kill())
		load.end()
		all = append(all, load.done()...)
		s = s.again(t)
		w.server = s
	}
	told := s.auditedOnce(t, beginning)
	for _, d := range all {
		assert.Equal(t, 1, told["touch "+d.fact], d.fact)
	}
}

// auditedOnce insists that every change since a place is one event, in the order of
// commits. It returns how often each update was told.
func (s *server) auditedOnce(t *testing.T, beginning *v1.ZedToken) map[string]int {
	t.Helper()

	// What a killed server had begun, it has committed or not, and an operator is
	// appointed at their first request: nothing else is written after that.
	s.operator(t).get(t, "/v1/me").want(t, http.StatusOK)
	history := s.history(t, beginning)
	var events []event
	await(t, "the audit to have told all", func() bool {
		events = s.operator(t).events(t, "")
		return len(events) > 0 && slices.Equal(events[0].texts(), history[len(history)-1])
	})
	slices.Reverse(events)
	require.Equal(t, len(history), len(events))
	moments := map[string]bool{}
	told := map[string]int{}
	for n, e := range events {
		require.Equal(t, history[n], e.texts(), "in the order of commits")
		moments[e.WrittenAt] = true
		assert.NotEqual(t, "gap", e.Operation)
		for _, u := range e.texts() {
			told[u]++
		}
	}
	assert.Len(t, moments, len(events))
	return told
}

// history are the updates of each change that Watch tells of, from a place to the
// present, in the notation of event.texts.
func (s *server) history(t *testing.T, from *v1.ZedToken) (all [][]string) {
	t.Helper()

	s.relate(t, "project", "the-end", "member", "user", "nobody-else")
	stream, err := v1.NewWatchServiceClient(s.conn).Watch(t.Context(), &v1.WatchRequest{OptionalStartCursor: from})
	require.NoError(t, err)
	for {
		change, err := stream.Recv()
		require.NoError(t, err)
		var updates []string
		for _, u := range change.GetUpdates() {
			verb := "touch "
			if u.GetOperation() == v1.RelationshipUpdate_OPERATION_DELETE {
				verb = "delete "
			}
			updates = append(updates, verb+notation(u.GetRelationship()))
		}
		slices.Sort(updates)
		all = append(all, updates)
		if slices.Contains(updates, "touch project:the-end#member@user:nobody-else") {
			return all
		}
	}
}

// TestARestoredServerGoesOnAuditing without telling anything twice, though its
// moments have other names now.
func TestARestoredServerGoesOnAuditing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "restored-audit")
	w.server.operator(t).event(t, "object=project:"+w.id("project"))
	file, home := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	_, err := say(t.Context(), "", gatehouse, "backup", file, "--data-dir", s.dataDir)
	require.NoError(t, err)
	_, err = say(t.Context(), "", gatehouse, "restore", file, "--data-dir", home)
	require.NoError(t, err)
	before := s.operator(t).events(t, "")

	w.server, err = serve(home, "--dev")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.server.stop()) })
	who := w.add(t, "project", w.email("late"), "project_member")
	operator := w.server.operator(t)
	operator.event(t, "person="+who)
	after := operator.events(t, "")
	assert.Equal(t, before, after[len(after)-len(before):])
	created := operator.events(t, "operation=create&object=project:"+w.id("project"))
	assert.Len(t, created, 1)
	assert.Empty(t, operator.events(t, "operation=gap"))
}
