package integration

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// listingRules say who is told what people may reach.
func listingRules() []rule {
	return []rule{
		{operation: "listCockpits", objectType: "platform", right: right{holders: everyone}, status: 200},
		{operation: "listSiteUsers", objectType: "partner", right: people["partner"], status: 200},
		{operation: "readAssignments", objectType: "partner", right: people["partner"], status: 200}, // of a partner admin
	}
}

// TestNINE1_NEZ8_CockpitsAreListed: one login, the accounts it has cockpit access to,
// and the instances it belongs to or is a guest of.
func TestNINE1_NEZ8_CockpitsAreListed(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nine-1")
	operator, home := shared.operator(t), w.neighbour(t, "guests")
	one, onePath := w.account(t, "one", object{})
	_, two := w.account(t, "two", object{})
	gus, _ := w.guest(t, home, "gus")
	c := shared.as(t, gus)
	add := func(path string, roles ...string) {
		operator.post(t, path+"/members", object{"email": gus, "roles": roles}).want(t, 201)
	}
	add(onePath, "cockpit_access")
	add(two, "technical_contact", "customer_admin") // none of which opens a cockpit
	want := func(cockpits ...string) {
		t.Helper()
		var listed []string
		for _, item := range c.get(t, "/v1/me/cockpits").want(t, 200).at(t, "cockpits").([]any) {
			i := item.(map[string]any)
			listed = append(listed, fmt.Sprintf("%s:%s %t", i["type"], i["id"], i["shared"]))
		}
		assert.ElementsMatch(t, cockpits, listed)
	}
	account, own, guest := "customer_account:"+one+" false", "instance:"+home+" false", "instance:"+w.id("instance")+" true"
	want(account, own)
	w.admin(t, "instance").post(t, w.path("instance")+"/shares", object{"email": gus, "instance": home, "customer_care": "read"}).want(t, 201)
	want(account, own, guest)
	w.share(t, false, home)
	want(account, own)
	w.share(t, true, home)
	want(account, own, guest)

	gusID := c.get(t, "/v1/me").text(t, "id")
	shared.bothSay(t, true, "customer_account:"+one, "access_cockpit", "user:"+gusID)
	shared.bothSay(t, true, "instance:"+w.id("instance"), "open_cockpit", "user:"+gusID)
	shared.bothSay(t, false, "customer_account:"+w.name+"-two", "access_cockpit", "user:"+gusID)

	first := c.get(t, "/v1/me/cockpits?limit=2").want(t, 200)
	assert.Len(t, first.at(t, "cockpits"), 2)
	assert.Len(t, c.get(t, "/v1/me/cockpits?limit=2&cursor="+first.text(t, "next_cursor")).want(t, 200).at(t, "cockpits"), 1)
	c.get(t, "/v1/me/cockpits?cursor=!").want(t, 422).code(t, "malformed_cursor")
}

// TestC98_AssignmentsFollowTheLevel: the tree is as deep as the person's roles, and
// shows others no more than they manage.
func TestC98_AssignmentsFollowTheLevel(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "c9-8")
	admin := w.admin(t, "partner")
	other := w.fresh()
	admin.post(t, w.path("partner")+"/clients", object{"id": other, "name": "Other"}).want(t, 201)
	admin.post(t, "/v1/clients/"+other+"/projects", object{"id": other, "name": "Other"}).want(t, 201)
	carl, _ := w.seat(t, w.path("client"), "carl", "client_admin")
	_, otto := w.seat(t, "/v1/projects/"+other, "otto", "project_member")
	paul, pauls := w.seat(t, w.path("project"), "paul", "project_admin")
	admin.post(t, "/v1/projects/"+other+"/members", named(w.email("paul"))).want(t, 200)
	of := func(c caller, user string) answer {
		return c.get(t, "/v1/users/"+user+"/assignments?site="+w.id("partner"))
	}
	me := func(c caller) string { return c.get(t, "/v1/me").text(t, "id") }

	got := of(admin, me(admin)).want(t, 200)
	assert.Equal(t, "partner_admin", got.text(t, "level"))
	assert.Equal(t, true, got.at(t, "site", "reaches_all"))
	assert.Empty(t, got.at(t, "site", "beneath"))

	got = of(carl, me(carl)).want(t, 200)
	assert.Equal(t, "client_admin", got.text(t, "level"))
	assert.Equal(t, w.id("client"), got.text(t, "site", "beneath", 0, "object", "id"))
	assert.Equal(t, true, got.at(t, "site", "beneath", 0, "reaches_all"))
	assert.Empty(t, got.at(t, "site", "beneath", 0, "beneath"))

	for _, viewer := range []caller{admin, paul, shared.operator(t)} {
		got = of(viewer, pauls).want(t, 200)
		assert.Equal(t, "project_admin", got.text(t, "level"))
		assert.Len(t, got.at(t, "site", "beneath"), 2)
	}
	got = of(carl, pauls).want(t, 200) // who manages one of the two clients
	assert.Len(t, got.at(t, "site", "beneath"), 1)
	assert.Equal(t, w.id("project"), got.text(t, "site", "beneath", 0, "beneath", 0, "object", "id"))

	shared.bothSay(t, true, "project:"+w.id("project"), "administer", "user:"+pauls)
	shared.bothSay(t, false, "project:"+other, "administer", "user:"+pauls)
	of(carl, otto).want(t, 404)
	of(paul, otto).want(t, 404)
	of(shared.as(t, w.email("nobody")), pauls).want(t, 404)
	assert.Empty(t, of(admin, me(shared.as(t, w.email("nobody")))).want(t, 200).text(t, "level"))
	admin.get(t, "/v1/users/"+pauls+"/assignments?site=nowhere").want(t, 404)
	admin.get(t, "/v1/users/"+pauls+"/assignments").want(t, 400)

	shared.relate(t, "partner", w.id("partner"), "removed", "user", pauls)
	got = of(admin, pauls).want(t, 200)
	assert.Equal(t, true, got.at(t, "removed"))
	assert.Empty(t, got.text(t, "level"))
	assert.Empty(t, got.at(t, "site", "beneath"))
}

// TestC97_SiteUsers lists everybody in the site once, with level and status,
// sorted, searched and paged.
func TestC97_SiteUsers(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "c9-7")
	admin := w.admin(t, "partner")
	w.seat(t, w.path("client"), "carl", "client_admin")
	w.seat(t, w.path("project"), "paul", "project_admin")
	admin.post(t, w.path("client")+"/members", named(w.email("paul"), "client_admin")).want(t, 200)
	w.seat(t, w.path("project"), "mia", "project_member")
	_, gone := w.seat(t, w.path("project"), "gone", "project_member")
	shared.relate(t, "partner", w.id("partner"), "removed", "user", gone)
	for _, invited := range []string{"ivy", "mia"} {
		admin.post(t, w.path("project")+"/invitations", object{"email": w.email(invited), "roles": []string{"project_admin"}}).want(t, 201)
	}
	list := func(query string) (users []string) {
		t.Helper()
		for _, item := range admin.get(t, w.path("partner")+"/site-users"+query).want(t, 200).at(t, "users").([]any) {
			i := item.(map[string]any)
			users = append(users, fmt.Sprintf("%s %s %s", i["user"].(map[string]any)["email"], i["level"], i["status"]))
		}
		return users
	}
	user := func(name, rest string) string { return w.email(name) + " " + rest }
	everyone := []string{
		user("admin", "partner_admin active"), user("carl", "client_admin active"), user("gone", " removed"),
		user("ivy", "project_admin invited"), user("mia", "project_member active"), user("paul", "client_admin active"),
	}
	assert.Equal(t, everyone, list("?sort=email"))
	assert.ElementsMatch(t, everyone, list(""))
	assert.Equal(t, everyone[5], list("?sort=-email")[0])
	assert.Equal(t, everyone[0], list("?sort=-level")[0])
	assert.Equal(t, everyone[2], list("?sort=level")[0])
	assert.Equal(t, everyone[2], list("?sort=-status")[0])
	assert.Equal(t, everyone[1:2], list("?q=CARL"))

	assert.Equal(t, []string{"partner:" + w.id("partner") + " removed user:" + gone}, shared.zedReads(t, "partner:"+w.id("partner"), "removed"))
	page := admin.get(t, w.path("partner")+"/site-users?sort=email&limit=4").want(t, 200)
	assert.Len(t, page.at(t, "users"), 4)
	assert.Equal(t, everyone[4:], list("?sort=email&limit=4&cursor="+page.text(t, "next_cursor")))
	admin.get(t, w.path("partner")+"/site-users?sort=age").want(t, http.StatusUnprocessableEntity).code(t, "invalid_sort")
	shared.as(t, w.email("carl")).get(t, w.path("partner")+"/site-users").want(t, 404)
}
