package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// somebody may be a person, or not.
type somebody struct{ email, id string }

// asking is a request about somebody, by whoever may make it of people they know.
type asking struct {
	c            caller
	method, path string
	body         any
}

// askings are requests about somebody whom the caller does not know, by operation. A
// caller who may know everybody is not asked for.
func (w world) askings(t *testing.T) map[string]func(somebody) asking {
	t.Helper()

	project, account, instance := w.admin(t, "project"), w.admin(t, "customer_account"), w.admin(t, "instance")
	home := w.neighbour(t, "guests")
	resource := object{"type": "project", "id": w.id("project")}
	check := func(who somebody) object { return question("project", w.id("project"), "view", by(who)) }
	evaluation := func(who somebody) object {
		return object{"subject": by(who, "id"), "action": object{"name": "view"}, "resource": resource}
	}
	asks := func(c caller, method, path string, body func(somebody) any) func(somebody) asking {
		return func(who somebody) asking {
			a := asking{c: c, method: method, path: strings.ReplaceAll(path, "{user}", who.id)}
			if body != nil {
				a.body = body(who)
			}
			return a
		}
	}
	return map[string]func(somebody) asking{
		"check":     asks(project, "POST", "/v1/check", func(who somebody) any { return check(who) }),
		"checkBulk": asks(project, "POST", "/v1/check/bulk", func(who somebody) any { return object{"checks": []any{check(who)}} }),
		"explain":   asks(project, "POST", "/v1/explain", func(who somebody) any { return check(who) }),
		"lookupResources": asks(project, "POST", "/v1/lookup/resources", func(who somebody) any {
			return object{"resource_type": "project", "permission": "view", "subject": by(who)}
		}),
		"evaluate":     asks(project, "POST", "/access/v1/evaluation", func(who somebody) any { return evaluation(who) }),
		"evaluateMany": asks(project, "POST", "/access/v1/evaluations", func(who somebody) any { return object{"evaluations": []any{evaluation(who)}} }),
		"searchResources": asks(project, "POST", "/access/v1/search/resource", func(who somebody) any {
			return object{"subject": by(who, "id"), "action": object{"name": "view"}, "resource": object{"type": "project"}}
		}),
		"searchActions": asks(project, "POST", "/access/v1/search/action", func(who somebody) any {
			return object{"subject": by(who, "id"), "resource": resource}
		}),
		"addMember": asks(project, "POST", w.path("project")+"/members", func(who somebody) any { return named(who.email, "project_member") }),
		"invite":    asks(project, "POST", w.path("project")+"/invitations", func(who somebody) any { return object{"email": who.email} }),
		"addSubCustomer": asks(account, "POST", w.path("customer_account")+"/sub-customers", func(who somebody) any {
			name := w.fresh()
			return object{"id": name, "name": name, "customer_number": name, "identifier": name, "first_admin": object{"email": who.email}}
		}),
		"share": asks(instance, "POST", w.path("instance")+"/shares", func(who somebody) any {
			return object{"email": who.email, "instance": home, "inventory": "read"}
		}),
		"changeMe":        asks(project, "PATCH", "/v1/me", func(who somebody) any { return object{"email": who.email} }),
		"changeShare":     asks(instance, "PATCH", w.path("instance")+"/shares/{user}", func(somebody) any { return object{"inventory": "read"} }),
		"unshare":         asks(instance, "DELETE", w.path("instance")+"/shares/{user}", nil),
		"readAssignments": asks(w.admin(t, "partner"), "GET", "/v1/users/{user}/assignments?site="+w.id("partner"), nil),
		"endRole":         asks(project, "DELETE", w.path("project")+"/members/{user}/roles/project_member", nil),
		"changeRoles": asks(project, "PUT", w.path("project")+"/members/{user}/roles", func(somebody) any {
			return object{"roles": []string{"project_member"}}
		}),
		"removeMember": asks(project, "DELETE", w.path("project")+"/members/{user}", nil),
		"listMembers": func(who somebody) asking {
			return asking{c: project, method: "GET", path: w.path("project") + "/members?q=" + who.email}
		},
		"listSiteUsers": func(who somebody) asking {
			return asking{c: w.admin(t, "partner"), method: "GET", path: w.path("partner") + "/site-users?q=" + who.email}
		},
		"listAuditEvents": func(who somebody) asking {
			return asking{c: project, method: "GET", path: "/v1/audit-events?object=project:" + w.id("project") + "&person=" + who.id}
		},
	}
}

// by names somebody by e-mail, under any name.
func by(who somebody, field ...string) object {
	return object{"type": "user", slices.Concat(field, []string{"email"})[0]: who.email}
}

// unasked are operations that take a person and tell nothing by it.
var unasked = map[string]string{
	"announce":         "its subject is that of a mail",
	"searchSubjects":   "its subject is of a type, and nobody's",
	"acceptInvitation": "its token was mailed to one person, and is 256 bits long",
}

// TestNobodyLearnsWhoIsKnown asks everything that can be asked about a person who is
// known elsewhere, and about nobody at all: in status and words the answers are alike,
// and they take as long.
func TestNobodyLearnsWhoIsKnown(t *testing.T) {
	t.Parallel()
	s := start(t)
	w, elsewhere := build(t, s, "here"), build(t, s, "elsewhere")
	known := func(t *testing.T, name string) somebody {
		t.Helper()
		email := elsewhere.email(name)
		return somebody{email, elsewhere.add(t, "customer_account", email, "technical_contact")}
	}
	unknown := func(name string) somebody { return somebody{elsewhere.email(name), ulid.Make().String()} }
	askings := w.askings(t)

	for path, item := range theContract().Paths.Map() {
		for _, operation := range item.Operations() {
			_, asked := askings[operation.OperationID]
			_, exempt := unasked[operation.OperationID]
			assert.Equal(t, takesPerson(path, operation), asked || exempt, operation.OperationID)
		}
	}
	for name, ask := range askings {
		t.Run(name, func(t *testing.T) {
			const rounds, tries = 21, 5
			var first string
			for range tries {
				var took [2][]time.Duration
				for range rounds {
					people := [2]somebody{known(t, w.fresh()), unknown(w.fresh())}
					for _, i := range rand.Perm(2) {
						a := ask(people[i])
						begun := time.Now()
						got := a.c.do(t, a.method, a.path, a.body)
						took[i] = append(took[i], time.Since(begun))
						said := got.without(t, people[i])
						if first == "" {
							first = said
						}
						require.Equal(t, first, said, "%v", people[i])
					}
				}
				if similar(median(took[0]), median(took[1])) {
					return
				}
				t.Logf("known: %s, unknown: %s", median(took[0]), median(took[1]))
			}
			t.Errorf("people are told from nobody by the time it takes, %d times of %d", tries, tries)
		})
	}
}

// similar is what the network hides: times that differ by less than half, or by less
// than what other people's requests make of it.
func similar(one, other time.Duration) bool {
	return max(one, other) < min(one, other)*3/2 || max(one, other)-min(one, other) < time.Millisecond
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// without is what the answer says, without what names the person, or any one request.
func (a answer) without(t *testing.T, who somebody) string {
	t.Helper()

	var body any
	if len(a.body) > 0 {
		require.NoError(t, json.Unmarshal(a.body, &body), "%s", a.body)
	}
	var strip func(any)
	strip = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				switch name {
				case "request_id", "written_at", "checked_at", "created_at", "expires_at", "id", "customer_number", "identifier", "name":
					v[name] = "…"
				}
				strip(inner)
			}
		case []any:
			for _, inner := range v {
				strip(inner)
			}
		}
	}
	strip(body)
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return fmt.Sprint(a.status, " ", strings.NewReplacer(who.email, "…", who.id, "…").Replace(string(text)))
}

// takesPerson says whether a request of an operation names a person.
func takesPerson(path string, o *openapi3.Operation) bool {
	if strings.Contains(path, "{user}") || strings.HasPrefix(path, "/v1/users/") {
		return true
	}
	for _, p := range o.Parameters {
		if slices.Contains([]string{"q", "person", "actor"}, p.Value.Name) {
			return true
		}
	}
	if o.RequestBody == nil {
		return false
	}
	var names func(*openapi3.SchemaRef, int) bool
	names = func(s *openapi3.SchemaRef, depth int) bool {
		if s == nil || depth > 5 {
			return false
		}
		for name, property := range s.Value.Properties {
			if slices.Contains([]string{"email", "subject", "user"}, name) || o.OperationID == "acceptInvitation" && name == "token" || names(property, depth+1) {
				return true
			}
		}
		for _, part := range slices.Concat(s.Value.AllOf, s.Value.OneOf, s.Value.AnyOf) {
			if names(part, depth+1) {
				return true
			}
		}
		return names(s.Value.Items, depth+1)
	}
	return names(o.RequestBody.Value.GetMediaType("application/json").Schema, 0)
}

// TestAnswersAreGuarded: whatever is answered, a cache keeps none of it, no other page
// frames it, and no address that it came from is passed on; but answers to questions, which no
// browser shows, are only kept out of caches. Contract.check holds every
// answer of every test to that; here are those that are outside the contract.
func TestAnswersAreGuarded(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/docs", "/openapi.yaml", "/invitations/accept", "/none", "/v1", "/v1//me", "/%zz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPost, "BREW"} {
			request, err := http.NewRequest(method, shared.url, nil)
			require.NoError(t, err)
			request.URL.Opaque = path
			got, err := shared.exchange(request)
			require.NoError(t, err)
			if path != "/%zz" { // which is refused before it is known for a request
				assert.NoError(t, checkGuards(got.header, "no-store", false), "%s %s", method, path)
			}
		}
	}
}
