package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deed is a write that the server has acknowledged.
type deed struct {
	client    int
	path      string // written to, where it is listed then
	body, key string
	answer    answer
	id        string // of what came to be
	invited   string // the address of who is mailed, if anybody
	writtenAt string
	fact      string // as SpiceDB has it, in zed's notation
	question  object // that is answered yes since then
}

// load is what many clients write to a world, each as fast as it is answered,
// until the server is gone or they are told to end.
type load struct {
	ending  chan struct{}
	end     func()
	running sync.WaitGroup
	mu      sync.Mutex
	deeds   []deed // in the order in which each client was answered
}

const writers = 8 // clients at once

func (w world) load(t *testing.T) *load {
	t.Helper()

	l := &load{ending: make(chan struct{})}
	l.end = sync.OnceFunc(func() {
		close(l.ending)
		l.running.Wait()
	})
	t.Cleanup(l.end)
	admin := w.admin(t, "partner")
	for client := range writers {
		l.running.Go(func() {
			for n := client; ; n++ {
				d := w.deed(n)
				a, err := admin.try(http.MethodPost, d.path, d.body, "Idempotency-Key", d.key)
				if err != nil && a.status == 0 {
					return // the server is gone
				}
				if !assert.NoError(t, err) || !assert.Equal(t, http.StatusCreated, a.status, "%s", a.body) {
					return
				}
				d.client = client
				l.add(w.done(d, a))
				select {
				case <-l.ending:
					return
				default:
				}
			}
		})
	}
	return l
}

func (l *load) add(d deed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deeds = append(l.deeds, d)
}

// done are the deeds so far.
func (l *load) done() []deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.deeds)
}

// deed is one of three kinds, by its number, that has not been answered yet.
func (w world) deed(n int) deed {
	name := w.fresh()
	email := w.email(name)
	switch n % 3 {
	case 0:
		return deed{key: name, path: w.path("client") + "/projects", body: fmt.Sprintf(`{"id":%q,"name":%q}`, name, name)}
	case 1:
		return deed{key: name, path: w.path("project") + "/members", body: fmt.Sprintf(`{"email":%q,"email_confirmation":%q,"given_name":"Kim","family_name":"Doe"}`, email, email)}
	default:
		return deed{key: name, path: w.path("project") + "/invitations", body: fmt.Sprintf(`{"email":%q}`, email), invited: email}
	}
}

// done is the deed once it is answered.
func (w world) done(d deed, a answer) deed {
	var said struct {
		Object, User, Invitation struct{ ID string }
		WrittenAt                string `json:"written_at"`
	}
	_ = json.Unmarshal(a.body, &said) // held against the contract
	d.answer, d.writtenAt = a, said.WrittenAt
	d.id = cmp.Or(said.Object.ID, said.User.ID, said.Invitation.ID)
	admin := object{"type": "user", "email": w.email("admin")}
	switch {
	case said.Object.ID != "":
		d.fact = "project:" + d.id + "#client@client:" + w.id("client")
		d.question = question("project", d.id, "administer", admin)
	case said.User.ID != "":
		d.fact = "project:" + w.id("project") + "#member@user:" + d.id
		d.question = question("project", w.id("project"), "view", object{"type": "user", "id": d.id})
	default:
		d.fact = "invitation:" + d.id + "#offers_project_member@project:" + w.id("project")
		d.question = question("project", w.id("project"), "administer", admin)
	}
	return d
}

// facts are the relationships there are, to look some up in.
func (s *server) facts(t *testing.T) map[string]bool {
	t.Helper()

	facts := map[string]bool{}
	for _, r := range s.relationships(t) {
		facts[r] = true
	}
	return facts
}

// keeps insists that everything is there that came of the deeds: SpiceDB has the
// relationships, and the directory the names.
func (w world) keeps(t *testing.T, deeds []deed) {
	t.Helper()

	facts, listed := w.server.facts(t), map[string]map[any]bool{}
	for _, d := range deeds {
		if listed[d.path] == nil {
			listed[d.path] = w.admin(t, "partner").listed(t, d.path)
		}
		assert.True(t, facts[d.fact], "%s was acknowledged, and is not there", d.fact)
		assert.True(t, listed[d.path][d.id], "%s was acknowledged, and is not listed in %s", d.id, d.path)
	}
}

// listed are the ids of all that a list holds, on whatever page.
func (c caller) listed(t *testing.T, path string) map[any]bool {
	t.Helper()

	found, cursor := map[any]bool{}, ""
	for {
		var page struct {
			Objects, Members, Invitations []map[string]any
			Next                          string `json:"next_cursor"`
		}
		got := c.get(t, path+"?limit=1000&cursor="+url.QueryEscape(cursor)).want(t, http.StatusOK)
		require.NoError(t, json.Unmarshal(got.body, &page))
		for _, item := range slices.Concat(page.Objects, page.Members, page.Invitations) {
			found[identity(item)] = true
		}
		if cursor = page.Next; cursor == "" {
			return found
		}
	}
}

// sees asks a check about each of the deeds, which is to be no older than it.
func (w world) sees(t *testing.T, deeds []deed) {
	t.Helper()

	for some := range slices.Chunk(deeds, 1000) {
		checks := make([]object, len(some))
		for i, d := range some {
			d.question["consistency"] = object{"at_least_as_fresh": d.writtenAt}
			checks[i] = d.question
		}
		got := w.admin(t, "partner").post(t, "/v1/check/bulk", object{"checks": checks}).want(t, http.StatusOK)
		var results struct {
			Results []struct {
				Allowed bool
				Error   *problem
			}
		}
		require.NoError(t, json.Unmarshal(got.body, &results))
		require.Len(t, results.Results, len(some))
		for i, r := range results.Results {
			assert.Nil(t, r.Error, "%s at %s", some[i].fact, some[i].writtenAt)
			assert.True(t, r.Allowed, "%s at %s", some[i].fact, some[i].writtenAt)
		}
	}
}
