package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryoneMayDoWhatTheRulesSay lets one holder of every role try every
// operation on objects of their own world and of another. Whoever is refused
// learns why, or not even that there is such an object, and changes nothing.
func TestEveryoneMayDoWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	s := start(t)
	home, abroad := build(t, s, "home"), build(t, s, "abroad")
	holders := settle(t, home)

	type trial struct {
		rule
		world
		attempt
	}
	var trials []trial
	for _, r := range rules() {
		for _, w := range []world{home, abroad} {
			trials = append(trials, trial{r, w, w.attempt(t, r)})
		}
	}
	t.Run("refused", func(t *testing.T) {
		listed, written, recorded := listings(t, home, abroad), s.relationships(t), s.records(t)
		for _, try := range trials {
			t.Run(try.rule.String()+" "+try.world.name, func(t *testing.T) {
				nothing := try.of(ghost).by(t, holders["stranger"])
				t.Run("to", func(t *testing.T) {
					for holder, caller := range holders {
						if want := try.verdict(holder, try.world == home); want.code != "" {
							t.Run(holder, func(t *testing.T) {
								t.Parallel()
								got := try.by(t, caller)
								require.Equal(t, want, got.verdict(t), "%s", got.body)
								if want.status == http.StatusNotFound {
									require.Equal(t, nothing.about(ghost), got.about(try.attempt.id), "as of what does not exist")
								}
							})
						}
					}
				})
				require.Equal(t, written, s.relationships(t), "something was written")
				require.Equal(t, recorded, s.records(t), "something was kept")
			})
		}
		for path, body := range listings(t, home, abroad) {
			require.Equal(t, listed[path], body, path)
		}
	})
	for _, try := range trials {
		if try.rule.operation == "acceptInvitation" {
			continue // for nobody here: an invitation has its own person
		}
		t.Run("allowed/"+try.rule.String()+" "+try.world.name, func(t *testing.T) {
			for holder, caller := range holders {
				want := try.verdict(holder, try.world == home)
				if want.code == "" {
					got := try.by(t, caller)
					require.Equal(t, want, got.verdict(t), "%s: %s", holder, got.body)
					try.attempt = try.world.attempt(t, try.rule) // the first is used up
				}
			}
		})
	}
}

// TestListsShowWhatMayBeRead shows each holder their own world's objects, as far as
// they may read them, and no other's.
func TestListsShowWhatMayBeRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	home, abroad := build(t, s, "home"), build(t, s, "abroad")

	for holder, c := range settle(t, home) {
		if holder == "nobody" {
			continue
		}
		for objectType, mayRead := range readers {
			if objectType == "platform" {
				mayRead = see("platform").holders
			}
			shown := c.get(t, "/v1/"+collections[objectType]+"?limit=1000").want(t, http.StatusOK).body
			assert.Equal(t, mayRead.has(holder), lists(t, shown, home.id(objectType)), "%s and their %s", holder, objectType)
			if objectType != "platform" {
				staff := group(platformRoles).has(holder) && mayRead.has(holder)
				assert.Equal(t, staff, lists(t, shown, abroad.id(objectType)), "%s and another %s", holder, objectType)
			}
		}
	}
}

func lists(t *testing.T, page []byte, id string) bool {
	t.Helper()

	var listed struct{ Objects []struct{ ID string } }
	require.NoError(t, json.Unmarshal(page, &listed))
	return slices.ContainsFunc(listed.Objects, func(o struct{ ID string }) bool { return o.ID == id })
}

// TestTheRulesAreComplete holds them against the contract, which lists every
// operation, and against the schema, which lists every role as what an invitation
// can offer.
func TestTheRulesAreComplete(t *testing.T) {
	t.Parallel()

	tried := map[string]bool{"deleteMe": true} // by TestNINE7, for it is the end of whoever tries
	for _, r := range rules() {
		tried[r.operation] = true
	}
	for path, item := range theContract().Paths.Map() {
		for method, operation := range item.Operations() {
			assert.True(t, tried[operation.OperationID], "%s %s is tried by nobody", method, path)
		}
	}

	given := map[string]bool{}
	for _, r := range catalogue {
		given[r.role] = true
		assert.True(t, everyone.has(r.role), "nobody holds %s", r.role)
	}
	printed, err := say(t.Context(), "", gatehouse, "schema", "print")
	require.NoError(t, err)
	offers := regexp.MustCompile(`relation offers_(\w+):`).FindAllStringSubmatch(printed, -1)
	require.NotEmpty(t, offers)
	for _, offer := range offers {
		assert.True(t, given[offer[1]], "nobody is given %s", offer[1])
	}
	assert.Len(t, offers, len(given))
}

// settle signs a holder of every role in a world in, and one who does not sign in.
func settle(t *testing.T, w world) map[string]caller {
	t.Helper()

	s := w.server
	holders := map[string]caller{"nobody": s.nobody(), "operator": s.operator(t)}
	hold := func(objectType, holder string, roles ...string) {
		email := w.email(holder)
		w.add(t, objectType, email, roles...)
		holders[holder] = s.as(t, email)
	}
	for _, r := range catalogue {
		hold(r.objectType, r.role, r.role)
	}
	hold("customer_account", "cockpit_admin", "customer_admin", "cockpit_access")

	// Written behind the server's back, because their holders belong to no allowed instance.
	for share := range strings.FieldsSeq(shareRoles) {
		holders[share] = s.as(t, w.email(share))
		s.relate(t, "instance", w.id("instance"), share, "user", holders[share].get(t, "/v1/me").text(t, "id"))
	}
	reseller := build(t, s, "reseller")
	reseller.add(t, "customer_account", w.email("reseller_admin"), "portal_admin")
	holders["reseller_admin"] = s.as(t, w.email("reseller_admin"))
	s.relate(t, "customer_account", w.id("customer_account"), "reseller", "customer_account", reseller.id("customer_account"))
	holders["stranger"] = s.as(t, w.email("stranger"))
	holders["former"] = w.former(t)

	require.Len(t, holders, len(strings.Fields(string(everyone)))+1)
	for holder := range strings.FieldsSeq(string(everyone)) {
		require.Contains(t, holders, holder)
		holders[holder].get(t, "/v1/me").want(t, http.StatusOK) // from now on they have a login
	}
	return holders
}

// former signs somebody in who had every role in the world that can be taken from them.
func (w world) former(t *testing.T) caller {
	t.Helper()

	email := w.email("former")
	operator := w.almighty(t) // who is a partner admin, too, and so takes that role
	for _, r := range catalogue {
		if strings.HasPrefix(r.role, "portal_") && r.role != "portal_admin" {
			continue // which excludes them
		}
		id := w.add(t, r.objectType, email, r.role)
		operator.delete(t, w.path(r.objectType)+"/members/"+id+"/roles/"+r.role).want(t, http.StatusNoContent)
	}
	id := w.add(t, "project", email, "project_member")
	operator.delete(t, w.path("partner")+"/members/"+id).want(t, http.StatusNoContent)
	return w.server.as(t, email)
}

// attempt is a request that does what a rule is about.
type attempt struct {
	operation, method, path, body string
	id, user                      string // of the object it is about, and of the person
}

// ghost is the id of nothing.
const ghost = "ghost-of-an-object"

// of is the same attempt on another object.
func (a attempt) of(id string) attempt {
	a.path, a.body = strings.ReplaceAll(a.path, a.id, id), strings.ReplaceAll(a.body, a.id, id)
	return a
}

// by lets somebody make the attempt. Among many checks or evaluations, one is looked at.
func (a attempt) by(t *testing.T, c caller) answer {
	t.Helper()

	got := c.do(t, a.method, a.path, a.body)
	if got.status != http.StatusOK {
		return got
	}
	var item map[string]any
	switch a.operation {
	case "checkBulk":
		item = got.at(t, "results", 0).(map[string]any)
	case "evaluateMany":
		item, _ = got.at(t, "evaluations", 0).(map[string]any)["context"].(map[string]any)
	}
	if refusal, refused := item["error"].(map[string]any); refused {
		got.status = int(refusal["status"].(float64))
		got.body, _ = json.Marshal(refusal)
	}
	return got
}

// verdict is what the answer amounts to.
func (a answer) verdict(t *testing.T) verdict {
	t.Helper()

	if a.status < http.StatusBadRequest {
		return verdict{status: a.status}
	}
	var p problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	return verdict{a.status, p.Code, p.Permission}
}

// about is the answer as it would be about anything else.
func (a answer) about(id string) string {
	var p problem
	_ = json.Unmarshal(a.body, &p) // was read before
	p.RequestID = ""
	return strings.ReplaceAll(fmt.Sprintf("%+v", p), id, "…")
}

// attempt prepares what the rule is about in the world, as an operator, and the
// request that does it.
func (w world) attempt(t *testing.T, r rule) attempt {
	t.Helper()

	operator, name := w.server.operator(t), w.fresh()
	email := w.email(name)
	person := named(email, r.role)
	offer := object{"email": email, "roles": []string{r.role}}
	resource := object{"type": r.objectType, "id": w.id(r.objectType)}
	someone := object{"type": "user", "email": w.email("admin")}
	about := object{"resource": resource, "permission": "read", "subject": someone}
	evaluation := object{"resource": resource, "action": object{"name": "read"}, "subject": object{"type": "user", "id": w.email("admin")}}

	a := attempt{operation: r.operation, id: w.id(r.objectType)}
	var user, key string
	var body any
	switch r.operation {
	case "createPartner", "createInstance", "createClient", "createProject":
		body = object{"id": name, "name": name}
	case "createApplication":
		body = object{"name": name, "scopes": []string{"check"}}
	case "createApplicationKey", "revokeApplicationKey", "revokeApplication":
		made := w.server.newApp(t, []string{"check"})
		a.id, key = made.id, made.key
		if r.operation == "createApplicationKey" {
			body = object{"expires_at": "2100-01-01T00:00:00Z"}
		}
	case "createCustomerAccount":
		body = object{"id": name, "name": name, "customer_number": name, "identifier": name}
	case "check", "explain":
		body = about
	case "checkBulk":
		body = object{"checks": []object{about}}
	case "lookupResources":
		body = object{"resource_type": "project", "permission": "read", "subject": someone}
	case "lookupSubjects":
		body = object{"resource": resource, "permission": "read", "subject_type": "user"}
	case "evaluate", "searchSubjects", "searchActions":
		body = evaluation
	case "searchResources":
		evaluation["resource"] = object{"type": "project"}
		body = evaluation
	case "evaluateMany":
		body = object{"evaluations": []object{evaluation}}
	case "changeMe":
		body = object{"language": "en"}
	case "announce":
		body = object{"kind": "technical_information", "subject": object{"en": name}, "text": object{"en": name}}
	case "addMember":
		body = person
	case "invite":
		body = offer
	case "provisionService", "createResource", "createApiKey", "readService", "deleteService", "deleteResource", "deleteApiKey":
		a.id, body = w.belongingAttempt(t, r.operation, name)
	case "configureContract":
		body = w.contract(t)
	case "addSubCustomer":
		body = object{"id": name, "name": name, "customer_number": name, "identifier": name, "first_admin": object{"email": email}}
	case "configureSharing", "share", "changeShare", "unshare":
		user, body = w.sharingAttempt(t, r.operation, name)
	case "changeRoles":
		user = w.add(t, r.objectType, email, r.role)
		body = object{"roles": []string{r.role}, "ends_on": "2100-01-01"}
		if r.objectType == "instance" { // its roles do not end
			other := map[string]string{"company_admin": "instance_member", "instance_member": "company_admin"}
			body = object{"roles": []string{other[r.role]}}
		}
	case "endRole", "removeMember":
		user = w.add(t, r.objectType, email, r.role)
	case "resendInvitation", "revokeInvitation":
		a.id = operator.post(t, w.path(r.objectType)+"/invitations", offer).want(t, http.StatusCreated).text(t, "invitation", "id")
	case "acceptInvitation":
		operator.post(t, w.path(r.objectType)+"/invitations", offer).want(t, http.StatusCreated)
		_, token := w.server.letter(t, email).link(t)
		body = object{"token": token}
	}
	for path, item := range theContract().Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == r.operation {
				a.method = method
				a.path = strings.NewReplacer("{collection}", collections[r.objectType], "{id}", a.id, "{user}", user, "{key}", key, "{role}", r.role).Replace(path)
			}
		}
	}
	a.user = user
	if r.operation == "listAuditEvents" {
		a.path += "?object=" + r.objectType + ":" + a.id
	}
	if r.operation == "readAssignments" {
		user = operator.post(t, w.path("partner")+"/members", named(w.email("admin"), "partner_admin")).
			want(t, http.StatusOK).text(t, "user", "id")
		a.user = user
		a.path = "/v1/users/" + user + "/assignments?site=" + a.id
	}
	require.NotEmpty(t, a.path, "the contract has no operation %s", r.operation)
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		a.body = string(text)
	}
	return a
}

// listings are what an operator finds listed in worlds, by path.
func listings(t *testing.T, worlds ...world) map[string]string {
	t.Helper()

	found := map[string]string{}
	for _, w := range worlds {
		for objectType, collection := range collections {
			for _, path := range []string{"/v1/" + collection, w.path(objectType) + "/members", w.path(objectType) + "/invitations"} {
				found[path] = string(w.server.operator(t).get(t, path+"?limit=1000").want(t, http.StatusOK).body)
			}
		}
	}
	return found
}
