package integration

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUnknownSubjectsAreNotAllowed answers no, and never 404, about whom nobody knows.
func TestUnknownSubjectsAreNotAllowed(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "unknown-subjects")

	for name, subject := range map[string]object{
		"id":     {"type": "user", "id": "nobody"},
		"e-mail": {"type": "user", "email": "nobody@unknown.example"},
		"key":    {"type": "api_key", "id": "nobody"},
		"client": {"type": "client", "id": "nobody", "relation": "admin"},
	} {
		for _, caller := range []caller{shared.operator(t), w.admin(t, "project")} {
			got := caller.post(t, "/v1/check", question("project", w.id("project"), "view", subject)).want(t, http.StatusOK)
			assert.Equal(t, false, got.at(t, "allowed"), name)
		}
	}
}

// TestBulkChecksKeepTheirOrder answers each on its own: one that makes no sense
// leaves the rest alone.
func TestBulkChecksKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "in-bulk")
	mia := object{"type": "user", "id": w.add(t, "project", w.email("mia"), "project_member")}

	got := w.admin(t, "project").post(t, "/v1/check/bulk", object{"checks": []object{
		question("project", w.id("project"), "view", mia),
		question("unicorn", "a", "view", mia),
		question("project", w.id("project"), "administer", mia),
		question("project", "*", "view", mia),
		question("instance", w.id("instance"), "manage_shares", object{"type": "user", "email": w.email("admin")}),
		question("project", "another-project", "view", mia),
	}}).want(t, http.StatusOK)

	assert.Equal(t, true, got.at(t, "results", 0, "allowed"))
	assert.Equal(t, "unknown_type", got.at(t, "results", 1, "error", "code"))
	assert.Equal(t, false, got.at(t, "results", 2, "allowed"))
	assert.Equal(t, "malformed_reference", got.at(t, "results", 3, "error", "code"))
	assert.Equal(t, true, got.at(t, "results", 4, "allowed"))
	assert.Equal(t, "not_found", got.at(t, "results", 5, "error", "code"))
}

// TestPagesContinue walks each list in pages of two, and finds everything once.
func TestPagesContinue(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "pages")
	admin := w.admin(t, "project")
	for _, name := range []string{"ann", "ben", "cem", "dee", "eva"} {
		w.add(t, "project", w.email(name), "project_member")
		admin.post(t, w.path("project")+"/invitations", object{"email": w.email("invited-" + name)}).want(t, http.StatusCreated)
		admin.post(t, w.path("partner")+"/clients", object{"name": name}).want(t, http.StatusCreated)
		admin.post(t, w.path("client")+"/projects", object{"name": name}).want(t, http.StatusCreated)
	}
	project := object{"type": "project", "id": w.id("project")}
	ann := object{"type": "user", "email": w.email("admin")}

	for name, c := range map[string]struct {
		method, path, list string
		body               object
		total              int
	}{
		"members":     {"GET", w.path("project") + "/members", "members", nil, 5},
		"by e-mail":   {"GET", w.path("project") + "/members?sort=-email", "members", nil, 5},
		"invitations": {"GET", w.path("project") + "/invitations", "invitations", nil, 5},
		"clients":     {"GET", w.path("partner") + "/clients", "objects", nil, 6},
		"projects":    {"GET", w.path("client") + "/projects", "objects", nil, 6},
		"readable":    {"GET", "/v1/projects", "objects", nil, 6},
		"resources":   {"POST", "/v1/lookup/resources", "resources", object{"resource_type": "project", "permission": "administer", "subject": ann}, 6},
		"subjects":    {"POST", "/v1/lookup/subjects", "subjects", object{"resource": project, "permission": "view", "subject_type": "user"}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			seen, cursor := map[any]bool{}, ""
			for range c.total {
				path, body := c.path, any(nil)
				if c.body != nil {
					c.body["limit"], c.body["cursor"] = 2, cursor
					body = c.body
				} else {
					path += separator(path) + "limit=2&cursor=" + cursor
				}
				page := admin.do(t, c.method, path, body).want(t, http.StatusOK)
				items := page.at(t, c.list).([]any)
				assert.LessOrEqual(t, len(items), 2)
				for _, item := range items {
					id := identity(item.(map[string]any))
					assert.False(t, seen[id], "%v is listed twice", id)
					seen[id] = true
				}
				next, more := page.at(t).(map[string]any)["next_cursor"]
				if !more {
					break
				}
				cursor = next.(string)
			}
			assert.Len(t, seen, c.total)
		})
	}
}

func separator(path string) string {
	for _, r := range path {
		if r == '?' {
			return "&"
		}
	}
	return "?"
}

// identity is what tells an item of a list from the others.
func identity(item map[string]any) any {
	if user, ok := item["user"].(map[string]any); ok {
		return user["id"]
	}
	return item["id"]
}
