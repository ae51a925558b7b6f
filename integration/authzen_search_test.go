package integration

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// searchWorld is a world in which each search finds five.
type searchWorld struct {
	world
	mia      object
	found    map[string][]string // by the path of the search
	searches map[string]object
}

func buildSearches(t *testing.T, name string) searchWorld {
	t.Helper()

	w := searchWorld{world: build(t, shared, name)}
	admin := entity("user", w.email("admin"))
	people := []string{w.admin(t, "project").get(t, "/v1/me").text(t, "id")}
	projects := []string{w.id("project")}
	for i := range 4 {
		people = append(people, w.add(t, "project", w.email(fmt.Sprint("member", i)), "project_member"))
		id := w.fresh()
		w.admin(t, "client").post(t, w.path("client")+"/projects", object{"id": id, "name": id}).want(t, http.StatusCreated)
		projects = append(projects, id)
	}
	w.mia = entity("user", people[1])
	slices.Sort(people)
	slices.Sort(projects)
	project := entity("project", w.id("project"))
	w.found = map[string][]string{
		subjectsPath: people, resourcesPath: projects, actionsPath: {"administer", "manage_people", "read", "view"},
	}
	w.searches = map[string]object{
		subjectsPath:  evaluation(object{"type": "user"}, "view", project),
		resourcesPath: evaluation(admin, "view", object{"type": "project"}),
		actionsPath:   {"subject": admin, "resource": project},
	}
	return w
}

// names are those of the results, which are of the kind that is searched for.
func (a answer) names(t *testing.T, path string) []string {
	t.Helper()

	names := []string{}
	for _, result := range a.at(t, "results").([]any) {
		found := result.(map[string]any)
		switch path {
		case actionsPath:
			require.Len(t, found, 1)
			names = append(names, found["name"].(string))
		default:
			require.Len(t, found, 2)
			require.Equal(t, map[string]string{subjectsPath: "user", resourcesPath: "project"}[path], found["type"])
			names = append(names, found["id"].(string))
		}
	}
	assert.EqualValues(t, len(names), a.at(t, "page", "count"))
	return names
}

// TestAuthzenSearchesFind all there are, in one page if it is large enough.
func TestAuthzenSearchesFind(t *testing.T) {
	t.Parallel()
	w := buildSearches(t, "searches")
	operator := shared.operator(t)

	for path, search := range w.searches {
		for name, asked := range map[string]object{
			"plainly":                      search,
			"with a page of enough":        search.with("page", object{"limit": len(w.found[path])}),
			"with a page of too much":      search.with("page", object{"limit": 1_000_000}),
			"with properties of a page":    search.with("page", object{"properties": object{"sort": "id"}, "surprise": 1}),
			"with an empty token":          search.with("page", object{"token": ""}),
			"with unknown fields":          search.with("Subject", 7).with("surprise", object{"x": 1}),
			"with context":                 search.with("context", object{"time": "2026-03-01T00:00:00Z"}),
			"with an action where none is": search.with("action", object{"name": "view"}),
		} {
			t.Run(name+" "+path, func(t *testing.T) {
				got := operator.post(t, path, asked).want(t, http.StatusOK)
				assert.Equal(t, w.found[path], got.names(t, path))
				assert.Equal(t, "", got.at(t, "page", "next_token"), "the end is told")
			})
		}
	}
	t.Run("ignoring the id of what is searched for", func(t *testing.T) {
		got := operator.post(t, subjectsPath, w.searches[subjectsPath].with("subject", entity("user", "nobody"))).want(t, http.StatusOK)
		assert.Equal(t, w.found[subjectsPath], got.names(t, subjectsPath))
		got = operator.post(t, resourcesPath, w.searches[resourcesPath].with("resource", entity("project", "ghost"))).want(t, http.StatusOK)
		assert.Equal(t, w.found[resourcesPath], got.names(t, resourcesPath))
	})
	t.Run("and what is found is permitted", func(t *testing.T) {
		for _, id := range w.found[subjectsPath] {
			got := operator.post(t, evaluationPath, w.searches[subjectsPath].with("subject", entity("user", id)))
			assert.Equal(t, true, got.at(t, "decision"))
		}
	})
	t.Run("fewer actions for those who may less", func(t *testing.T) {
		got := operator.post(t, actionsPath, w.searches[actionsPath].with("subject", w.mia)).want(t, http.StatusOK)
		assert.Equal(t, []string{"read", "view"}, got.names(t, actionsPath))
	})
}

// TestAuthzenSearchesFindNothing where something is unknown, which is no error.
func TestAuthzenSearchesFindNothing(t *testing.T) {
	t.Parallel()
	w := buildSearches(t, "found-nothing")

	for path, search := range w.searches {
		for name, c := range map[string]struct {
			field   string
			value   object
			skipped string // the search that ignores it
		}{
			"unknown subject type":  {"subject", entity("unicorn", "a"), ""},
			"subject type no name":  {"subject", entity("A Unicorn", "a"), ""},
			"unknown subject":       {"subject", entity("user", "nobody"), subjectsPath},
			"unknown e-mail":        {"subject", entity("user", "nobody@unknown.example"), subjectsPath},
			"impossible subject":    {"subject", entity("user", "*"), subjectsPath},
			"unknown resource type": {"resource", entity("unicorn", "a"), ""},
			"unknown resource":      {"resource", entity("project", "ghost"), resourcesPath},
			"impossible resource":   {"resource", entity("project", "a b"), resourcesPath},
			"unknown action":        {"action", object{"name": "fly"}, actionsPath},
			"type of no subject":    {"subject", entity("client", "a"), ""},
		} {
			if path != c.skipped {
				t.Run(name+" "+path, func(t *testing.T) {
					got := shared.operator(t).post(t, path, search.with(c.field, c.value)).want(t, http.StatusOK)
					assert.JSONEq(t, `{"page":{"next_token":"","count":0},"results":[]}`, string(got.body))
				})
			}
		}
	}
	t.Run("where everyone is allowed, nobody is named", func(t *testing.T) {
		shared.relate(t, "customer_account", w.id("customer_account"), "colocation", "user", "*")
		search := evaluation(object{"type": "user"}, "colocation", entity("customer_account", w.id("customer_account")))
		assert.Empty(t, shared.operator(t).post(t, subjectsPath, search).want(t, http.StatusOK).at(t, "results"))
	})
}

// TestAuthzenSearchesContinue by their token alone or with all they began with, and
// with nothing else.
func TestAuthzenSearchesContinue(t *testing.T) {
	t.Parallel()
	w := buildSearches(t, "continued")
	operator := shared.operator(t)

	for path, search := range w.searches {
		began := search.with("page", object{"limit": 2}).with("context", object{"Z": 1, "a": []int{2}})
		first := operator.post(t, path, began).want(t, http.StatusOK)
		token := first.text(t, "page", "next_token")
		require.NotEmpty(t, token)
		page := object{"token": token}

		for name, next := range map[string]func(token string) object{
			"by the token alone":      func(token string) object { return object{"page": object{"token": token}} },
			"with what it began with": func(token string) object { return began.with("page", object{"token": token}) },
			"with its limit":          func(token string) object { return began.with("page", object{"token": token, "limit": 2}) },
			"with some of it": func(token string) object {
				return object{"resource": began["resource"], "page": object{"token": token}}
			},
			"with what it knows not of": func(token string) object {
				return object{"surprise": 1, "page": object{"token": token, "properties": object{}}}
			},
		} {
			t.Run(name+" "+path, func(t *testing.T) {
				all, got := first.names(t, path), first
				for pages := 1; got.at(t, "page", "next_token") != "" && pages < 5; pages++ {
					got = operator.post(t, path, next(got.text(t, "page", "next_token"))).want(t, http.StatusOK)
					assert.LessOrEqual(t, len(got.names(t, path)), 2)
					all = append(all, got.names(t, path)...)
				}
				assert.Equal(t, w.found[path], all)
			})
		}
		for name, changed := range map[string]object{
			"another subject":  {"subject": entity("api_key", "ann")},
			"another resource": {"resource": entity("client", "p")},
			"another context":  {"context": object{"Z": 2, "a": []int{2}}},
			"another limit":    {"page": page.with("limit", 3)},
			"other properties": {"resource": began["resource"].(object).with("properties", object{"x": 1})},
		} {
			if changed["page"] == nil {
				changed["page"] = page
			}
			t.Run("not with "+name+" "+path, func(t *testing.T) {
				operator.post(t, path, changed).want(t, http.StatusBadRequest).code(t, "changed_search")
			})
		}
		if path != actionsPath {
			t.Run("not with another action "+path, func(t *testing.T) {
				operator.post(t, path, object{"action": object{"name": "administer"}, "page": page}).want(t, http.StatusBadRequest).code(t, "changed_search")
			})
		}
		for _, other := range []string{subjectsPath, resourcesPath, actionsPath} {
			if other != path {
				t.Run("not "+path+" as "+other, func(t *testing.T) {
					operator.post(t, other, object{"page": page}).want(t, http.StatusBadRequest).code(t, "malformed_page_token")
				})
			}
		}
		t.Run("not by whoever may not begin it "+path, func(t *testing.T) {
			shared.as(t, w.email("stranger")).post(t, path, object{"page": page}).want(t, http.StatusForbidden)
		})
		t.Run("after a page of nothing "+path, func(t *testing.T) {
			got := operator.post(t, path, search.with("page", object{"limit": 0})).want(t, http.StatusOK)
			assert.Empty(t, got.names(t, path))
			got = operator.post(t, path, object{"page": object{"token": got.text(t, "page", "next_token")}}).want(t, http.StatusOK)
			assert.NotEmpty(t, got.at(t, "page", "next_token"), "there is more than nothing")
		})
	}
}
