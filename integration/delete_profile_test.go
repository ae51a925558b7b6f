package integration

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNINE7_OwnProfileIsDeleted by the person alone, with all it has anywhere; who
// comes back later is somebody else.
func TestNINE7_OwnProfileIsDeleted(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "deleted")
	ann := w.add(t, "customer_account", w.email("ann"), "technical_contact", "portal_admin")
	w.add(t, "project", w.email("ann"), "project_member")
	w.add(t, "partner", w.email("ann"), "partner_admin")
	w.admin(t, "project").post(t, w.path("client")+"/invitations", object{"email": w.email("ann"), "roles": []string{"client_admin"}}).want(t, http.StatusCreated)

	account := "customer_account:" + w.id("customer_account")
	shared.bothSay(t, true, account, "create_ticket", "user:"+ann)
	shared.as(t, w.email("ann")).delete(t, "/v1/me").want(t, http.StatusNoContent)
	shared.bothSay(t, false, account, "create_ticket", "user:"+ann)
	for _, fact := range shared.relationships(t) {
		assert.NotContains(t, fact, "user:"+ann)
	}
	listed := w.admin(t, "customer_account").get(t, w.path("customer_account")+"/members?q=ann").want(t, http.StatusOK)
	assert.Empty(t, listed.at(t, "members"))
	assert.Equal(t, ann, shared.operator(t).event(t, "person="+ann+"&operation=delete_profile").Actor.ID)
	again := shared.as(t, w.email("ann")).get(t, "/v1/me").want(t, http.StatusOK)
	assert.NotEqual(t, ann, again.text(t, "id"))

	refused := w.admin(t, "partner").delete(t, "/v1/me").want(t, http.StatusConflict).code(t, "last_admin")
	for _, objectType := range []string{"partner", "customer_account", "instance"} {
		assert.Contains(t, string(refused.body), w.id(objectType))
	}
}

// TestDCX4_LastAdminsWhoLeaveAtOnce do not all leave.
func TestDCX4_LastAdminsWhoLeaveAtOnce(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "leaving")
	const admins = 8
	var callers []caller
	for range admins {
		email := w.email(w.fresh())
		w.add(t, "customer_account", email, "portal_admin")
		callers = append(callers, shared.as(t, email))
	}
	admin := w.admin(t, "customer_account")
	me := admin.get(t, "/v1/me").text(t, "id")
	admin.delete(t, w.path("customer_account")+"/members/"+me+"/roles/portal_admin").want(t, http.StatusNoContent)

	var left atomic.Int64
	var running sync.WaitGroup
	for _, c := range callers {
		running.Go(func() {
			answer, err := c.try(http.MethodDelete, "/v1/me", nil)
			if assert.NoError(t, err) && answer.status == http.StatusNoContent {
				left.Add(1)
			}
		})
	}
	running.Wait()
	assert.Equal(t, int64(admins-1), left.Load())
	assert.Len(t, shared.zedReads(t, "customer_account:"+w.id("customer_account"), "portal_admin"), 1)
}
