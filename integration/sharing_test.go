package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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
	shared.bothSay(t, false, "instance:"+w.id("instance"), "configure_sharing", "user:"+admin.get(t, "/v1/me").text(t, "id"))
	assert.Equal(t, []string{"instance:" + w.id("instance") + " allowed instance:" + home}, shared.zedReads(t, "instance:"+w.id("instance"), "allowed"))
	admin.do(t, http.MethodPut, path, object{"enabled": false, "allowed_instances": []string{}}).want(t, 403)
	assert.Equal(t, []any{home}, admin.get(t, path).at(t, "allowed_instances"))
}

// TestNEZ3_NEZ5_SharesAreGivenToGuestsOnly and whoever is refused teaches the caller
// nothing about themself. A share names one person.
func TestNEZ3_NEZ5_SharesAreGivenToGuestsOnly(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-3")
	admin, home := w.admin(t, "instance"), w.neighbour(t, "guests")
	email, gus := w.guest(t, home, "gus")
	_, gil := w.guest(t, home, "gil")
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

	admin.post(t, w.path("instance")+"/shares", object{"email": email, "instance": home, "inventory": "read"}).want(t, 201)
	cockpit := "instance:" + w.id("instance")
	assert.Equal(t, []string{cockpit + " inventory_reader user:" + gus}, shared.zedReads(t, cockpit, "inventory_reader"))
	shared.bothSay(t, true, cockpit, "view_inventory", "user:"+gus)
	shared.bothSay(t, false, cockpit, "view_inventory", "user:"+gil)
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
				if inventory != care {
					shared.bothSay(t, inventory == "write", "instance:"+w.id("instance"), "edit_inventory", "user:"+user)
				}
			})
		}
	}
}

// wantMay asks what somebody may do to the world's object.
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
	cockpit := "instance:" + w.id("instance")
	assert.Equal(t, []string{cockpit + " inventory_reader user:" + user}, shared.zedReads(t, cockpit, "inventory_reader"))
	assert.Equal(t, []string{""}, shared.zedReads(t, cockpit, "inventory_writer"))
	admin.delete(t, shares+"/"+user).want(t, 204)
	shared.bothSay(t, false, cockpit, "edit_customer_care", "user:"+user)
	assert.Empty(t, admin.get(t, shares).at(t, "shares"))
	admin.delete(t, shares+"/"+user).want(t, 204) // no error
}

// TestNEZ6_SharesEndOnADay gives, moves, lifts and refuses ends. A day is over when
// it is over where the shared instance is.
func TestNEZ6_SharesEndOnADay(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-6-ends")
	home, id, operator := w.neighbour(t, "guests"), w.name+"-samoa", shared.operator(t)
	path := "/v1/instances/" + id
	operator.post(t, "/v1/instances", object{"id": id, "name": id, "time_zone": "Pacific/Apia"}).want(t, 201)
	admin, _ := w.seat(t, path, "ana", "company_admin")
	share := func(enabled bool) {
		operator.do(t, http.MethodPut, path+"/sharing", object{"enabled": enabled, "allowed_instances": []string{home}}).want(t, 200)
	}
	share(true)
	email, user := w.guest(t, home, "gus")
	give := func(body object) answer {
		body["email"], body["instance"] = email, home
		return admin.post(t, path+"/shares", body)
	}
	set := func(body object) answer { return admin.do(t, http.MethodPut, path+"/shares/"+user, body) }
	wantEnds := func(ends map[string]any, got answer, place ...any) {
		t.Helper()
		held := got.at(t, place...).(map[string]any)["ends"]
		if len(ends) == 0 {
			assert.Nil(t, held)
			return
		}
		assert.Equal(t, ends, held)
		listed := admin.get(t, path+"/shares").want(t, 200)
		assert.Equal(t, ends, listed.at(t, "shares", 0, "ends"))
	}
	const june, july, december = "2050-06-30T11:00:00Z", "2050-07-31T11:00:00Z", "2050-12-31T11:00:00Z" // ends of days in Samoa

	got := give(object{"inventory": "read", "ends_on": "2050-06-30"}).want(t, 201)
	wantEnds(map[string]any{"inventory": june}, got)
	shared.bothSay(t, true, "instance:"+id, "view_inventory", "user:"+user)
	got = give(object{"customer_care": "write", "ends_on": "2050-12-31"}).want(t, 200)
	assert.Equal(t, "granted", got.text(t, "outcome"))
	wantEnds(map[string]any{"inventory": june, "customer_care": december}, got)

	assert.Equal(t, "unchanged", give(object{"inventory": "read", "ends_on": "2050-01-31"}).want(t, 200).text(t, "outcome"), "sharing never shortens")
	assert.Equal(t, "unchanged", give(object{"customer_care": "read", "ends_on": "2050-12-31"}).want(t, 200).text(t, "outcome"), "covered by writing")
	give(object{"customer_care": "read"}).want(t, 409).code(t, "would_shorten")
	got = give(object{"inventory": "read", "ends_on": "2050-07-31"}).want(t, 200)
	assert.Equal(t, "extended", got.text(t, "outcome"))
	wantEnds(map[string]any{"inventory": july, "customer_care": december}, got)
	got = give(object{"inventory": "write", "ends_on": "2050-12-31"}).want(t, 200)
	assert.Equal(t, "upgraded", got.text(t, "outcome"))
	wantEnds(map[string]any{"inventory": december, "customer_care": december}, got)

	share(false) // ends are moved forward while it is off, and not back
	wantEnds(map[string]any{"inventory": july, "customer_care": july},
		set(object{"inventory": "read", "customer_care": "write", "ends_on": "2050-07-31"}).want(t, 200))
	set(object{"inventory": "read", "customer_care": "write", "ends_on": "2050-12-31"}).want(t, 403).code(t, "forbidden")
	wantEnds(map[string]any{"inventory": july}, set(object{"inventory": "read", "customer_care": "none"}).want(t, 200)) // keeps its end
	share(true)
	wantEnds(map[string]any{"inventory": december}, set(object{"inventory": "read", "customer_care": "none", "ends_on": "2050-12-31"}).want(t, 200))

	for date, code := range map[string]string{"2020-01-31": "past_date", "2050-02-30": "invalid_date", "": "invalid_date", "tomorrow": "invalid_date"} {
		give(object{"inventory": "write", "ends_on": date}).want(t, 422).code(t, code)
		set(object{"inventory": "write", "customer_care": "none", "ends_on": date}).want(t, 422).code(t, code)
	}
	give(object{"inventory": "read", "customer_care": "none"}).want(t, 200)
	wantEnds(nil, admin.get(t, path+"/shares").want(t, 200), "shares", 0) // lifted
	give(object{"inventory": "write", "ends_on": "2050-12-31"}).want(t, 409).code(t, "would_shorten")
	assert.Equal(t, []string{"instance:" + id + " inventory_reader user:" + user}, shared.zedReads(t, "instance:"+id, "inventory_reader"))
}

// TestNEZ6_EndedSharesAreGone like any other role: at the instant, from the list,
// and the audit tells of it.
func TestNEZ6_EndedSharesAreGone(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-6-ended")
	admin, home := w.admin(t, "instance"), w.neighbour(t, "guests")
	_, user := w.guest(t, home, "gus")
	cockpit := "instance:" + w.id("instance")
	ends := time.Now().Add(2 * time.Second).Truncate(time.Millisecond)
	shared.relateUntil(t, "instance", w.id("instance"), "inventory_writer", "user", user, ends)
	assert.Len(t, admin.get(t, w.path("instance")+"/shares").want(t, 200).at(t, "shares"), 1)

	untilItEnds(t, ends, func() bool {
		return admin.post(t, "/v1/check", question("instance", w.id("instance"), "edit_inventory", object{"type": "user", "id": user})).want(t, 200).at(t, "allowed") == true
	})
	event := shared.operator(t).event(t, "person="+user+"&operation=role_ended")
	require.Len(t, event.texts(), 1)
	assert.Contains(t, event.texts()[0], "delete "+cockpit+"#inventory_writer@user:"+user)
	assert.Empty(t, admin.get(t, w.path("instance")+"/shares").want(t, 200).at(t, "shares"))
	assert.Equal(t, []string{""}, shared.zedReads(t, cockpit, "inventory_writer"))
}

// TestNEZ7_TheMailLeadsToTheSharedCockpit, whose guest may open it.
func TestNEZ7_TheMailLeadsToTheSharedCockpit(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nez-7")
	home := w.neighbour(t, "guests")
	email, user := w.guest(t, home, "gus")
	w.admin(t, "instance").post(t, w.path("instance")+"/shares", object{"email": email, "instance": home, "inventory": "read", "ends_on": "2050-06-30"}).want(t, 201)
	told := shared.awaitMail(t, email, "The cockpit of nez-7 is shared with you").text
	assert.Contains(t, told, shared.url+"/instances/"+w.id("instance")+"/cockpit")
	assert.Contains(t, told, "30 June 2050")
	shared.bothSay(t, true, "instance:"+w.id("instance"), "open_cockpit", "user:"+user)
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
