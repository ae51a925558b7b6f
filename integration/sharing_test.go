package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharingRules say who shares the cockpit of an instance, and who lets them.
func sharingRules() []rule {
	manage := right{"manage_shares", "company_admin"}
	return []rule{
		{operation: "readInstance", objectType: "instance", right: see("instance"), status: 200},
		{operation: "readSharing", objectType: "instance", right: right{"manage_shares", "operator company_admin"}, status: 200},
		{operation: "configureSharing", objectType: "instance", right: right{"configure_sharing", "operator"}, status: 200},
		{operation: "share", objectType: "instance", right: right{"grant_share", "company_admin"}, status: 201},
		{operation: "listShares", objectType: "instance", right: manage, status: 200},
		{operation: "changeShare", objectType: "instance", right: manage, status: 200},
		{operation: "unshare", objectType: "instance", right: manage, status: 204},
	}
}

// sharingAttempt prepares an attempt to share: somebody to share with, and the body.
func (w world) sharingAttempt(t *testing.T, operation, name string) (user string, body any) {
	t.Helper()

	home := w.neighbour(t, "guests")
	email, user := w.guest(t, home, name)
	shared := object{"email": email, "instance": home, "inventory": "read"}
	switch operation {
	case "configureSharing":
		return "", object{"enabled": true, "allowed_instances": []string{home}}
	case "share":
		return "", shared
	}
	w.admin(t, "instance").post(t, w.path("instance")+"/shares", shared).want(t, http.StatusCreated)
	if operation == "changeShare" {
		body = object{"inventory": "write", "customer_care": "none"}
	}
	return user, body
}

// neighbour is an instance on the allow-list of the world's.
func (w world) neighbour(t *testing.T, name string) string {
	t.Helper()

	id, operator := w.name+"-"+name, w.server.operator(t)
	if operator.get(t, "/v1/instances/"+id).status == http.StatusNotFound {
		operator.post(t, "/v1/instances", object{"id": id, "name": name}).want(t, http.StatusCreated)
	}
	w.share(t, true, id)
	return id
}

// share switches sharing of the world's instance.
func (w world) share(t *testing.T, enabled bool, allowed ...string) {
	t.Helper()

	w.server.operator(t).do(t, http.MethodPut, w.path("instance")+"/sharing", object{"enabled": enabled, "allowed_instances": append([]string{}, allowed...)}).
		want(t, http.StatusOK)
}

// guest is somebody with a login who belongs to an instance.
func (w world) guest(t *testing.T, instance, name string) (email, id string) {
	t.Helper()

	email = w.email(name)
	id = w.server.as(t, email).get(t, "/v1/me").text(t, "id")
	w.server.operator(t).post(t, "/v1/instances/"+instance+"/members", object{"email": email, "roles": []string{"instance_member"}})
	return email, id
}

// TestNEZ1_OnlyOperatorsSwitchTheFeature, and NEZ-2: the company admin sees the
// allow-list, and cannot change it.
func TestNEZ1_NEZ2_SharingIsConfigured(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-2")
	admin, operator := w.admin(t, "instance"), shared.operator(t)
	path := w.path("instance") + "/sharing"

	assert.Equal(t, false, admin.get(t, path).want(t, 200).at(t, "enabled"))
	home := w.neighbour(t, "guests")
	got := admin.get(t, path).want(t, 200)
	assert.Equal(t, true, got.at(t, "enabled"))
	assert.Equal(t, []any{home}, got.at(t, "allowed_instances"))

	for name, body := range map[string]object{
		"own_instance":        {"enabled": true, "allowed_instances": []string{w.id("instance")}},
		"unknown_instance":    {"enabled": true, "allowed_instances": []string{home, "nowhere"}},
		"malformed_reference": {"enabled": true, "allowed_instances": []string{"*"}},
		"too_many_instances":  {"enabled": true, "allowed_instances": make([]string, 501)},
		"incomplete":          {"allowed_instances": []string{home}},
	} {
		operator.do(t, http.MethodPut, path, body).want(t, 422).code(t, name)
	}
	operator.do(t, http.MethodPut, path, object{"enabled": true}).want(t, 422).code(t, "incomplete")
	admin.do(t, http.MethodPut, path, object{"enabled": false, "allowed_instances": []string{}}).want(t, 403)
	assert.Equal(t, []any{home}, admin.get(t, path).at(t, "allowed_instances"))
}

// TestNEZ3_SharesAreGivenToGuestsOnly and whoever is refused teaches the caller
// nothing about themself. NEZ-5: a share names one person.
func TestNEZ3_SharesAreGivenToGuestsOnly(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-3")
	admin, home := w.admin(t, "instance"), w.neighbour(t, "guests")
	email, _ := w.guest(t, home, "gus")
	stranger := w.email("stranger")
	shared.as(t, stranger).get(t, "/v1/me").want(t, 200)
	contact := w.email("contact")
	shared.operator(t).post(t, "/v1/instances/"+home+"/members", object{"email": contact, "roles": []string{"instance_member"}}).want(t, 201)

	refusals := map[string]bool{}
	for _, c := range []object{
		{"email": w.email("unknown"), "instance": home, "inventory": "read"},
		{"email": stranger, "instance": home, "inventory": "read"},
		{"email": contact, "instance": home, "inventory": "read"},
		{"email": email, "instance": "nowhere", "inventory": "read"},
		{"email": email, "instance": w.id("instance"), "inventory": "read"},
	} {
		got := admin.post(t, w.path("instance")+"/shares", c).want(t, 422).code(t, "not_shareable")
		refusals[got.text(t, "detail")] = true
	}
	assert.Len(t, refusals, 1, "one and the same answer")
	admin.post(t, w.path("instance")+"/shares", object{"email": email, "instance": home}).want(t, 422).code(t, "nothing_shared")
	admin.post(t, w.path("instance")+"/shares", object{"email": email, "instance": home, "inventory": "all"}).want(t, 422).code(t, "invalid_level")
	admin.post(t, w.path("instance")+"/shares", object{"email": "everyone", "instance": home, "inventory": "read"}).want(t, 422).code(t, "invalid_email")
	assert.Empty(t, admin.get(t, w.path("instance")+"/shares").at(t, "shares"))
}

// TestNEZ4_EveryShare gives each pair of levels and exactly its permissions.
func TestNEZ4_EveryShare(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-4")
	admin, home := w.admin(t, "instance"), w.neighbour(t, "guests")
	for _, inventory := range []string{"none", "read", "write"} {
		for _, care := range []string{"none", "read", "write"} {
			if inventory == "none" && care == "none" {
				continue
			}
			t.Run(inventory+" "+care, func(t *testing.T) {
				email, user := w.guest(t, home, inventory+"-"+care)
				got := admin.post(t, w.path("instance")+"/shares", object{
					"email": email, "instance": home, "inventory": inventory, "customer_care": care,
				}).want(t, 201)
				assert.Equal(t, []string{"created", inventory, care}, []string{got.text(t, "outcome"), got.text(t, "inventory"), got.text(t, "customer_care")})
				for permission, want := range map[string]bool{
					"view_inventory": inventory != "none", "edit_inventory": inventory == "write",
					"view_customer_care": care != "none", "edit_customer_care": care == "write", "open_cockpit": true,
					"affiliated": false, "grant_share": false, "manage_shares": false, "manage_people": false,
				} {
					w.wantMay(t, "instance", permission, user, want)
				}
			})
		}
	}
}

// wantMay asks the server and zed what somebody may do to the world's object.
func (w world) wantMay(t *testing.T, objectType, permission, user string, want bool) {
	t.Helper()
	w.wantMayOn(t, objectType, w.id(objectType), permission, "user", user, want)
}

func (w world) wantMayOn(t *testing.T, objectType, id, permission, subjectType, subject string, want bool) {
	t.Helper()

	got := w.server.operator(t).post(t, "/v1/check", question(objectType, id, permission, object{"type": subjectType, "id": subject})).want(t, http.StatusOK)
	assert.Equal(t, want, got.at(t, "allowed"), "%s:%s#%s@%s:%s", objectType, id, permission, subjectType, subject)
}

// TestNEZ6_SharesAreListedEditedAndRemoved, the latter two also while the feature
// is off, as long as nothing is raised.
func TestNEZ6_SharesAreListedEditedAndRemoved(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-6")
	admin, home := w.admin(t, "instance"), w.neighbour(t, "guests")
	email, user := w.guest(t, home, "gus")
	shares := w.path("instance") + "/shares"
	give := func(inventory, care string) answer {
		return admin.post(t, shares, object{"email": email, "instance": home, "inventory": inventory, "customer_care": care})
	}
	set := func(inventory, care string) answer {
		return admin.do(t, http.MethodPut, shares+"/"+user, object{"inventory": inventory, "customer_care": care})
	}
	wantShare := func(inventory, care string) {
		t.Helper()
		got := admin.get(t, shares).want(t, 200)
		assert.Equal(t, []string{user, inventory, care}, []string{got.text(t, "shares", 0, "user", "id"), got.text(t, "shares", 0, "inventory"), got.text(t, "shares", 0, "customer_care")})
	}

	set("read", "none").want(t, 404).code(t, "not_shared")
	assert.Equal(t, "created", give("read", "none").want(t, 201).text(t, "outcome"))
	assert.Equal(t, "granted", give("none", "read").want(t, 200).text(t, "outcome"))
	assert.Equal(t, "upgraded", give("write", "none").want(t, 200).text(t, "outcome"))
	assert.Equal(t, "unchanged", give("read", "read").want(t, 200).text(t, "outcome"), "adding never lowers")
	wantShare("write", "read")
	set("write", "write").want(t, 200)
	wantShare("write", "write")

	w.share(t, false, home)
	set("read", "write").want(t, 200)
	wantShare("read", "write")
	set("write", "write").want(t, 403).code(t, "forbidden")
	give("write", "none").want(t, 403)
	set("none", "none").want(t, 422).code(t, "nothing_shared")
	admin.do(t, http.MethodPut, shares+"/"+user, object{"inventory": "read"}).want(t, 422).code(t, "incomplete")
	wantShare("read", "write")
	admin.delete(t, shares+"/"+user).want(t, 204)
	assert.Empty(t, admin.get(t, shares).at(t, "shares"))
	admin.delete(t, shares+"/"+user).want(t, 204) // no error
}

// TestNEZ9_SharesAreSuspendedAndRestored by each of the facts they depend on, at
// once and in zed's eyes too.
func TestNEZ9_SharesAreSuspendedAndRestored(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-9")
	admin, operator := w.admin(t, "instance"), shared.operator(t)
	one, other := w.neighbour(t, "one"), w.neighbour(t, "other")
	w.share(t, true, one, other)
	email, user := w.guest(t, one, "gus")
	w.guest(t, other, "gus")
	admin.post(t, w.path("instance")+"/shares", object{"email": email, "instance": one, "inventory": "write", "customer_care": "read"}).want(t, 201)

	works := func(want bool) {
		t.Helper()
		for _, permission := range []string{"view_inventory", "edit_inventory", "view_customer_care", "open_cockpit"} {
			w.wantMay(t, "instance", permission, user, want)
		}
		require.Equal(t, want, shared.zedAllows(t, "instance:"+w.id("instance"), "edit_inventory", "user:"+user), "zed")
		assert.Len(t, admin.get(t, w.path("instance")+"/shares").want(t, 200).at(t, "shares"), 1, "nothing is cleaned up")
	}
	leave := func(instance string) {
		operator.delete(t, "/v1/instances/"+instance+"/members/"+user+"/roles/instance_member").want(t, 204)
	}
	works(true)

	w.share(t, false, one, other)
	works(false)
	w.share(t, true, one, other)
	works(true)

	w.share(t, true, other)
	works(true) // one allowed instance is left
	w.share(t, true)
	works(false)
	w.share(t, true, one)
	works(true)

	w.share(t, true, one, other)
	leave(one)
	works(true) // a guest of the other
	leave(other)
	works(false)
	w.guest(t, other, "gus")
	works(true)
}

// TestAFullAllowList takes 500 instances in one write, and one list of two that
// are written at once.
func TestAFullAllowList(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "full")
	operator := s.operator(t)
	var full []string
	for i := range 500 {
		id := fmt.Sprintf("full-%03d", i)
		operator.post(t, "/v1/instances", object{"id": id, "name": id}).want(t, 201)
		full = append(full, id)
	}
	w.share(t, true, full...)
	got := w.admin(t, "instance").get(t, w.path("instance")+"/sharing").want(t, 200)
	assert.Len(t, got.at(t, "allowed_instances"), 500)
	assert.True(t, strings.Contains(string(got.body), full[499]))
	w.share(t, true, full[:100]...)
	w.share(t, false)
	assert.Empty(t, w.admin(t, "instance").get(t, w.path("instance")+"/sharing").at(t, "allowed_instances"))
}
