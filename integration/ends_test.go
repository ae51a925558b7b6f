package integration

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNINE5_RolesEndOnADay gives, moves, lifts and refuses ends. A day is over when
// it is over where the account is.
func TestNINE5_RolesEndOnADay(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "on-a-day")
	account := "/v1/customer-accounts/" + w.fresh()
	id := account[len("/v1/customer-accounts/"):]
	shared.operator(t).post(t, "/v1/customer-accounts", object{
		"id": id, "name": id, "customer_number": id, "identifier": id, "time_zone": "America/Sao_Paulo",
	}).want(t, http.StatusCreated)
	staff := shared.operator(t)
	give := func(body object) answer {
		body["email"], body["roles"] = w.email("ann"), []string{"technical_contact"}
		return staff.post(t, account+"/members", body)
	}
	end := func() any {
		member := staff.get(t, account+"/members?q=ann").want(t, http.StatusOK)
		held := member.at(t, "members", 0, "roles", 0).(map[string]any)
		return held["ends_at"]
	}

	added := give(object{"ends_on": "2050-06-30"}).want(t, http.StatusCreated)
	ann := added.text(t, "user", "id")
	assert.Equal(t, "2050-07-01T03:00:00Z", added.text(t, "ends", "technical_contact"))
	assert.Equal(t, "2050-07-01T03:00:00Z", end())

	assert.Equal(t, "unchanged", give(object{"ends_on": "2050-01-31"}).want(t, http.StatusOK).text(t, "outcome"), "adding never shortens")
	assert.Equal(t, "extended", give(object{"ends_on": "2051-06-30"}).want(t, http.StatusOK).text(t, "outcome"))
	role := account + "/members/" + ann + "/roles/technical_contact"
	staff.delete(t, role+"?ends_on=2050-01-31").want(t, http.StatusNoContent)
	assert.Equal(t, "2050-02-01T03:00:00Z", end(), "moved back")
	assert.Equal(t, "extended", give(object{}).want(t, http.StatusOK).text(t, "outcome"))
	assert.Nil(t, end(), "lifted")

	staff.delete(t, role+"?ends_on=2020-01-31").want(t, http.StatusUnprocessableEntity).code(t, "past_date")
	staff.delete(t, role+"?ends_on=").want(t, http.StatusUnprocessableEntity).code(t, "invalid_date")
	staff.delete(t, role+"?ends_on=2050-02-30").want(t, http.StatusUnprocessableEntity).code(t, "invalid_date")
	staff.delete(t, account+"/members/"+ann+"/roles/cockpit_access?ends_on=2050-01-31").want(t, http.StatusNotFound).code(t, "not_held")
	give(object{"ends_on": "2020-01-31"}).want(t, http.StatusUnprocessableEntity).code(t, "past_date")
	staff.post(t, w.path("instance")+"/members", object{"email": w.email("ann"), "roles": []string{"instance_member"}, "ends_on": "2050-01-31"}).
		want(t, http.StatusUnprocessableEntity).code(t, "role_does_not_end")
	assert.Nil(t, end(), "what was refused changed nothing")
}

// TestNINE5_EndedRolesAreGone polls a role to its end and beyond, here and with zed:
// it stops at the instant, never returns, and the audit has its end as one deletion.
func TestNINE5_EndedRolesAreGone(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "ended")
	ann := w.server.as(t, w.email("ann")).get(t, "/v1/me").text(t, "id")
	admin := w.admin(t, "customer_account")
	check := question("customer_account", w.id("customer_account"), "create_ticket", object{"type": "user", "id": ann})
	overHTTP := func() bool {
		a, err := admin.try(http.MethodPost, "/v1/check", check)
		return assert.NoError(t, err) && strings.Contains(string(a.body), `"allowed":true`)
	}
	withZed := func() bool {
		return shared.zedAllows(t, "customer_account:"+w.id("customer_account"), "create_ticket", "user:"+ann)
	}
	ends := time.Now().Add(3 * time.Second).Truncate(time.Millisecond)
	shared.relateUntil(t, "customer_account", w.id("customer_account"), "technical_contact", "user", ann, ends)
	var polling sync.WaitGroup
	polling.Go(func() { untilItEnds(t, ends, overHTTP) })
	untilItEnds(t, ends, withZed)
	polling.Wait()

	event := shared.operator(t).event(t, "person="+ann+"&operation=role_ended")
	require.Len(t, event.texts(), 1)
	assert.Contains(t, event.texts()[0], "delete customer_account:"+w.id("customer_account")+"#technical_contact@user:"+ann)
	assert.False(t, overHTTP())
	shared.bothSay(t, false, "customer_account:"+w.id("customer_account"), "create_ticket", "user:"+ann)
}

// untilItEnds asks whether somebody may do something until a second after it ends:
// they may, and not once it has ended.
func untilItEnds(t *testing.T, ends time.Time, may func() bool) {
	t.Helper()

	allowed := 0
	for asked := time.Now(); asked.Before(ends.Add(time.Second)); asked = time.Now() {
		if may() {
			allowed++
			assert.True(t, asked.Before(ends), "allowed %s after the end", asked.Sub(ends))
		}
	}
	assert.NotZero(t, allowed, "until then")
}

// TestNINE5_RolesEndWhileNobodyRuns: the next server deletes them at its start, once,
// and says so.
func TestNINE5_RolesEndWhileNobodyRuns(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "ended-meanwhile")
	ann := s.as(t, w.email("ann")).get(t, "/v1/me").text(t, "id")
	ends := time.Now().Add(3 * time.Second).Truncate(time.Millisecond)
	s.relateUntil(t, "customer_account", w.id("customer_account"), "technical_contact", "user", ann, ends)
	s.awaitMail(t, w.email("ann"), "Your role on ended-meanwhile")
	require.NoError(t, s.kill())
	require.True(t, time.Now().Before(ends), "killed too late to tell")
	await(t, "the end", func() bool { return time.Now().After(ends) })

	s = s.again(t)
	query := "person=" + ann + "&operation=role_ended"
	s.operator(t).event(t, query)
	await(t, "a mail about the end", func() bool {
		return slices.ContainsFunc(to(s.mails(t), w.email("ann")), func(l letter) bool { return strings.Contains(l.text, "no longer have") })
	})
	require.NoError(t, s.stop())
	s = s.again(t)
	assert.Len(t, s.operator(t).events(t, query), 1)
}

// TestNINE5_InvitationsToRolesThatEnd offer them until then.
func TestNINE5_InvitationsToRolesThatEnd(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "invited-until")
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": w.email("ann"), "ends_on": "2050-06-30"}).want(t, http.StatusCreated)
	_, token := shared.letter(t, w.email("ann")).link(t)
	accepted := shared.as(t, w.email("ann")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	assert.Equal(t, "2050-07-01T00:00:00Z", accepted.text(t, "ends", "project_member"))
}

// TestDCX6_RolesAreChanged in one step, down as well as up, by those who may.
func TestDCX6_RolesAreChanged(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "changed")
	ann := w.add(t, "customer_account", w.email("ann"), "portal_admin")
	admin, path := w.admin(t, "customer_account"), w.path("customer_account")+"/members/"+ann+"/roles"

	changed := admin.do(t, http.MethodPut, path, object{"roles": []string{"portal_read_only_user"}}).want(t, http.StatusOK)
	assert.Equal(t, "changed", changed.text(t, "outcome"))
	assert.Equal(t, []any{"portal_read_only_user"}, changed.at(t, "roles"))
	account := "customer_account:" + w.id("customer_account")
	assert.Equal(t, []string{account + " portal_read_only_user user:" + ann}, shared.zedReads(t, account, "portal_read_only_user"))
	shared.bothSay(t, false, account, "manage_portal_roles", "user:"+ann)
	again := admin.do(t, http.MethodPut, path, object{"roles": []string{"portal_read_only_user"}}).want(t, http.StatusOK)
	assert.Equal(t, "unchanged", again.text(t, "outcome"))

	me := admin.get(t, "/v1/me").text(t, "id")
	mine := w.path("customer_account") + "/members/" + me + "/roles"
	admin.do(t, http.MethodPut, mine, object{"roles": []string{"portal_read_only_user", "customer_admin", "cockpit_access"}}).
		want(t, http.StatusConflict).code(t, "last_admin")
	admin.do(t, http.MethodPut, path, object{"roles": []string{}}).want(t, http.StatusUnprocessableEntity)
	admin.do(t, http.MethodPut, path, object{"roles": []string{"portal_admin", "portal_read_only_user"}}).want(t, http.StatusUnprocessableEntity).code(t, "exclusive_roles")
	admin.do(t, http.MethodPut, w.path("customer_account")+"/members/nobody/roles", object{"roles": []string{"portal_admin"}}).want(t, http.StatusNotFound)
}
