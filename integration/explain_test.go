package integration

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// explanation is why, or why not.
type explanation struct {
	Allowed  bool
	Sentence string
	Tree     explained
}

// explained is a node of its tree.
type explained struct {
	Object        *struct{ Type, ID string }
	Permission    string
	Relation      string
	Combines      string
	Result        *bool
	Hidden        bool
	Relationships []struct {
		Subject struct{ Type, ID string }
		EndsAt  *time.Time `json:"ends_at"`
	}
	Children []explained
}

// explain asks why a subject, an e-mail or an id, has a permission.
func (c caller) explain(t *testing.T, objectType, id, permission, who string) (e explanation) {
	t.Helper()

	subject := object{"type": "user", "id": who}
	if strings.Contains(who, "@") {
		subject = object{"type": "user", "email": who}
	}
	got := c.post(t, "/v1/explain", question(objectType, id, permission, subject)).want(t, http.StatusOK)
	require.NoError(t, json.Unmarshal(got.body, &e))
	return e
}

// says awaits a sentence, in which <day> stands for any date: what ended is told by
// the audit, which follows what happens.
func (c caller) says(t *testing.T, sentence, objectType, id, permission, who string) {
	t.Helper()

	pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(sentence), "<day>", `\d{1,2} [A-Z][a-z]+ \d{4}`) + "$")
	var last string
	defer func() {
		if t.Failed() {
			t.Log("the last sentence was: " + last)
		}
	}()
	await(t, sentence, func() bool {
		last = c.explain(t, objectType, id, permission, who).Sentence
		return pattern.MatchString(last)
	})
}

// TestExplanationsSayWhy in words of admins, and follow what admins do.
func TestExplanationsSayWhy(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "why")
	account, admin, operator := w.id("customer_account"), w.admin(t, "customer_account"), shared.operator(t)
	called, boss := "why", "Kim Doe"
	add := func(who string, more object) string {
		body := object{"email": w.email(who), "given_name": strings.ToUpper(who[:1]) + who[1:], "roles": []string{"customer_admin", "cockpit_access"}}
		for key, value := range more {
			body[key] = value
		}
		return admin.post(t, w.path("customer_account")+"/members", body).want(t, http.StatusCreated).text(t, "user", "id")
	}
	manages := func(c caller, sentence, who string) {
		t.Helper()
		c.says(t, sentence, "customer_account", account, "manage_contacts", who)
	}

	ann := add("ann", object{"ends_on": "2100-05-03"})
	manages(admin, "Ann may manage the contacts of "+called+": Ann is Customer Admin of "+called+" until 3 May 2100 and has Cockpit Access to "+called+" until 3 May 2100.", ann)
	ends := admin.explain(t, "customer_account", account, "access_cockpit", ann).Tree.Children[0].Relationships
	require.Len(t, ends, 1)
	assert.Equal(t, ann, ends[0].Subject.ID)
	assert.Equal(t, 2100, ends[0].EndsAt.Year())

	admin.delete(t, w.path("customer_account")+"/members/"+ann+"/roles/cockpit_access").want(t, http.StatusNoContent)
	manages(admin, "Ann may not manage the contacts of "+called+": Ann had Cockpit Access to "+called+" until <day>, ended by "+boss+".", ann)
	manages(shared.as(t, w.email("ann")), "Ann may not manage the contacts of "+called+": Ann had Cockpit Access to "+called+" until <day>.", ann)
	admin.delete(t, w.path("customer_account")+"/members/"+ann).want(t, http.StatusNoContent)
	for name, c := range map[string]caller{w.email("ann"): admin, "Ann": operator} { // who holds nothing here any more is called as they were asked for
		manages(c, name+" may not manage the contacts of "+called+": "+name+" was Customer Admin of "+called+" until <day>, removed by "+boss+
			" and "+name+" had Cockpit Access to "+called+" until <day>, ended by "+boss+".", w.email("ann"))
	}

	hal := add("hal", object{"roles": []string{"customer_admin"}})
	manages(admin, "Hal may not manage the contacts of "+called+": Hal is Customer Admin of "+called+" but lacks Cockpit Access to "+called+".", hal)
	manages(admin, "nobody@why.example may not manage the contacts of "+called+": nobody@why.example has no role that allows it.", "nobody@why.example")
	manages(operator, "Nobody is known as nobody@why.example.", "nobody@why.example")

	operator.do(t, http.MethodPut, w.path("customer_account")+"/contract", object{"direct": false, "colocation": false, "partner_status": false}).want(t, http.StatusOK)
	admin.says(t, boss+" may not order services for "+called+": "+called+" has no direct contract.", "customer_account", account, "order_service", w.email("admin"))
}

// TestRemovalAndSharingAreExplained: a site one was removed from, a feature that is
// off, an instance that is not on the allow-list.
func TestRemovalAndSharingAreExplained(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "gone")
	admin := w.admin(t, "partner")
	rex := w.add(t, "project", w.email("rex"), "project_member")
	admin.delete(t, w.path("partner")+"/members/"+rex).want(t, http.StatusNoContent)
	admin.says(t, "Kim Doe may not view gone: Kim Doe was removed from gone on <day>, by Kim Doe.", "project", w.id("project"), "view", rex)

	home := w.neighbour(t, "initech")
	email, gina := w.guest(t, home, "gina")
	admin.post(t, w.path("instance")+"/shares", object{"email": email, "instance": home, "inventory": "read"}).want(t, http.StatusCreated)
	views := func(sentence string) {
		t.Helper()
		admin.says(t, sentence, "instance", w.id("instance"), "view_inventory", gina)
	}
	views(email + " may view the inventory of gone: " + email + " has the share “Inventory, read” of gone.")
	w.share(t, false, home)
	views(email + " may not view the inventory of gone: sharing of gone is switched off.")
	w.share(t, true)
	views(email + " may not view the inventory of gone: no instance that " + email + " belongs to is on the allow-list of gone.")
}

// TestExplanationsKeepSecrets: who is invisible is explained as who does not exist,
// and so is an object; whoever asks about themself hears of nobody else.
func TestExplanationsKeepSecrets(t *testing.T) {
	t.Parallel()
	here, elsewhere := build(t, shared, "kept-here"), build(t, shared, "kept-elsewhere")
	known := elsewhere.add(t, "project", here.email("known"), "project_admin")
	member := here.add(t, "project", here.email("mia"), "project_member")
	here.add(t, "project", here.email("pia"), "project_admin")
	admin, mia := here.admin(t, "project"), shared.as(t, here.email("mia"))
	raw := func(c caller, objectType, id, permission string, subject object, cover ...string) string {
		t.Helper()
		got := c.post(t, "/v1/explain", question(objectType, id, permission, subject)).want(t, http.StatusOK).at(t).(map[string]any)
		delete(got, "checked_at")
		text, err := json.Marshal(got)
		require.NoError(t, err)
		return strings.NewReplacer(cover...).Replace(string(text))
	}

	for _, permission := range []string{"view", "administer", "read", "is_removed"} {
		email := func(who string) string {
			return raw(admin, "project", here.id("project"), permission, object{"type": "user", "email": here.email(who)}, here.email(who), "…")
		}
		assert.Equal(t, email("unknown"), email("known"), permission)
		assert.NotContains(t, email("known"), known)
		id := func(who string) string {
			return raw(admin, "project", here.id("project"), permission, object{"type": "user", "id": who}, who, "…")
		}
		assert.Equal(t, id("ghost"), id(known), permission)

		self := object{"type": "user", "id": member}
		about := func(id string) string { return raw(mia, "project", id, permission, self, id, "…") }
		assert.Equal(t, about("ghost"), about(elsewhere.id("project")), permission)
	}

	told := raw(mia, "project", here.id("project"), "view", object{"type": "user", "id": member})
	assert.Contains(t, told, "is Project User of kept-here")
	for _, secret := range []string{here.id("client"), here.id("partner"), here.email("admin"), "platform"} {
		assert.NotContains(t, told, secret)
	}
	pia := shared.as(t, here.email("pia"))
	assert.Contains(t, pia.explain(t, "project", here.id("project"), "view", member).Sentence, "Kim Doe is Project User")
	above := raw(pia, "project", here.id("project"), "view", object{"type": "user", "email": here.email("admin")})
	assert.Contains(t, above, "by way of a client that is not shown to you")
	assert.NotContains(t, above, here.id("client"))
}

// TestExplanationsAgree with checks on every permission there is, of people of
// every kind: the answer, and each result in the tree.
func TestExplanationsAgree(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "agree")
	operator := shared.operator(t)
	people := []string{
		w.add(t, "partner", w.email("admin"), "partner_admin"),
		w.add(t, "project", w.email("mia"), "project_member"),
		w.add(t, "customer_account", w.email("hal"), "customer_admin"),
		operator.get(t, "/v1/me").text(t, "id"),
	}
	printed, err := say(t.Context(), "", gatehouse, "schema", "print")
	require.NoError(t, err)
	asked := 0
	for _, definition := range regexp.MustCompile(`(?s)definition (\w+) \{.*?\n\}`).FindAllStringSubmatch(printed, -1) {
		objectType := definition[1]
		if collections[objectType] == "" {
			continue
		}
		for _, permission := range regexp.MustCompile(`(?m)^\s+permission (\w+) =`).FindAllStringSubmatch(definition[0], -1) {
			for _, person := range people {
				e := operator.explain(t, objectType, w.id(objectType), permission[1], person)
				checks, results := e.Tree.flat(person)
				var bulk struct{ Results []struct{ Allowed bool } }
				got := operator.post(t, "/v1/check/bulk", object{"checks": checks}).want(t, http.StatusOK)
				require.NoError(t, json.Unmarshal(got.body, &bulk))
				require.Equal(t, e.Allowed, results[0])
				for i, result := range results {
					require.Equal(t, result, bulk.Results[i].Allowed, "%v", checks[i])
				}
				asked++
			}
		}
	}
	assert.Greater(t, asked, 200)
}

// flat lists the checks that a tree answers, and its answers.
func (n explained) flat(person string) (checks []object, results []bool) {
	if n.Object != nil {
		checks = append(checks, question(n.Object.Type, n.Object.ID, n.Permission+n.Relation, object{"type": "user", "id": person}))
		results = append(results, *n.Result)
	}
	for _, child := range n.Children {
		c, r := child.flat(person)
		checks, results = append(checks, c...), append(results, r...)
	}
	return checks, results
}

// TestBadExplanationsAreRefused as bad checks are, and so are sets of subjects.
func TestBadExplanationsAreRefused(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "bad-explain")
	operator := shared.operator(t)
	ann := object{"type": "user", "id": "ann"}

	operator.post(t, "/v1/explain", question("unicorn", "a", "view", ann)).want(t, http.StatusUnprocessableEntity).code(t, "unknown_type")
	operator.post(t, "/v1/explain", question("project", w.id("project"), "fly", ann)).want(t, http.StatusUnprocessableEntity).code(t, "unknown_permission")
	operator.post(t, "/v1/explain", question("client", w.id("client"), "administer", object{"type": "client", "id": "a", "relation": "admin"})).
		want(t, http.StatusUnprocessableEntity).code(t, "malformed_reference")
	shared.as(t, w.email("admin")).post(t, "/v1/explain", question("project", w.id("project"), "member", object{"type": "user", "email": w.email("admin")})).
		want(t, http.StatusForbidden).code(t, "forbidden")
	shared.nobody().post(t, "/v1/explain", question("project", w.id("project"), "view", ann)).want(t, http.StatusUnauthorized)
}
