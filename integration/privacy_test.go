package integration

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInvitingTellsNothing answers the same about a stranger, about somebody who is
// known elsewhere, and about one who has the role already.
func TestInvitingTellsNothing(t *testing.T) {
	t.Parallel()
	here, elsewhere := build(t, shared, "inviting-here"), build(t, shared, "inviting-elsewhere")
	elsewhere.add(t, "partner", here.email("known"), "partner_admin")
	here.add(t, "project", here.email("member"), "project_member")

	var first object
	for _, who := range []string{"stranger", "known", "member"} {
		answered := here.admin(t, "project").post(t, here.path("project")+"/invitations", object{"email": here.email(who)}).
			want(t, http.StatusCreated).at(t, "invitation").(map[string]any)
		for _, passing := range []string{"id", "email", "created_at", "expires_at"} {
			assert.NotEmpty(t, answered[passing])
			delete(answered, passing)
		}
		if first == nil {
			first = answered
		}
		assert.Equal(t, map[string]any(first), answered, who)
	}
}

// TestAddingTellsNothing calls somebody new whom the caller cannot see, and leaves
// the names alone that they chose.
func TestAddingTellsNothing(t *testing.T) {
	t.Parallel()
	here, elsewhere := build(t, shared, "adding-here"), build(t, shared, "adding-elsewhere")
	elsewhere.admin(t, "customer_account").post(t, elsewhere.path("customer_account")+"/members", object{
		"email": here.email("known"), "given_name": "Kim", "family_name": "Known", "roles": []string{"technical_contact"},
	}).want(t, http.StatusCreated)

	added := here.admin(t, "customer_account").post(t, here.path("customer_account")+"/members", object{
		"email": here.email("known"), "given_name": "Other", "family_name": "Name", "roles": []string{"technical_contact"},
	}).want(t, http.StatusCreated)
	assert.Equal(t, "created", added.text(t, "outcome"))
	me := shared.as(t, here.email("known")).get(t, "/v1/me").want(t, http.StatusOK)
	assert.Equal(t, "Kim", me.text(t, "given_name"))
	assert.Equal(t, "Known", me.text(t, "family_name"))
}

// TestTheInvitedMayOnlyAccept gives them nothing else to do to the invitation, and
// nothing to see of the object.
func TestTheInvitedMayOnlyAccept(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "invited")
	admin := w.admin(t, "project")
	id := admin.post(t, w.path("project")+"/invitations", object{"email": w.email("ina")}).
		want(t, http.StatusCreated).text(t, "invitation", "id")

	ina := shared.as(t, w.email("ina"))
	refused := ina.delete(t, "/v1/invitations/"+id).want(t, http.StatusForbidden)
	assert.Equal(t, "revoke", refused.text(t, "permission"))
	ina.post(t, "/v1/invitations/"+id+"/resend", nil).want(t, http.StatusNotFound)
	for _, path := range []string{"", "/members", "/invitations"} {
		ina.get(t, w.path("project")+path).want(t, http.StatusNotFound)
	}

	pending := admin.get(t, w.path("project")+"/invitations?status=pending").want(t, http.StatusOK)
	require.Equal(t, id, pending.text(t, "invitations", 0, "id"))
	_, token := shared.letter(t, w.email("ina")).link(t)
	ina.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
}

// TestSettledInvitationsStaySettled refuses whatever is tried with the link of an
// invitation that was revoked or replaced.
func TestSettledInvitationsStaySettled(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "settled")
	admin := w.admin(t, "project")
	invite := func(email string) (id, token string) {
		id = admin.post(t, w.path("project")+"/invitations", object{"email": email}).want(t, http.StatusCreated).text(t, "invitation", "id")
		_, token = shared.letter(t, email).link(t)
		return id, token
	}

	revoked, token := invite(w.email("rea"))
	admin.delete(t, "/v1/invitations/"+revoked).want(t, http.StatusNoContent)
	shared.as(t, w.email("rea")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusGone).code(t, "revoked")
	admin.delete(t, "/v1/invitations/"+revoked).want(t, http.StatusGone).code(t, "revoked")
	admin.post(t, "/v1/invitations/"+revoked+"/resend", nil).want(t, http.StatusGone).code(t, "revoked")

	replaced, token := invite(w.email("pia"))
	admin.post(t, "/v1/invitations/"+replaced+"/resend", nil).want(t, http.StatusCreated)
	shared.as(t, w.email("pia")).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusGone).code(t, "replaced")
	admin.delete(t, "/v1/invitations/"+replaced).want(t, http.StatusGone).code(t, "replaced")
}

// TestInvitersMustKeepTheRight holds an invitation up whose inviter may no longer
// invite, until an admin who may sends it again.
func TestInvitersMustKeepTheRight(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "lost-right")
	leader := w.add(t, "project", w.email("leo"), "project_admin")
	id := shared.as(t, w.email("leo")).post(t, w.path("project")+"/invitations", object{"email": w.email("ben")}).
		want(t, http.StatusCreated).text(t, "invitation", "id")
	_, token := shared.letter(t, w.email("ben")).link(t)
	admin, ben := w.admin(t, "project"), shared.as(t, w.email("ben"))
	admin.delete(t, w.path("project")+"/members/"+leader+"/roles/project_admin").want(t, http.StatusNoContent)

	ben.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusConflict).code(t, "inviter_lost_right")
	admin.post(t, "/v1/invitations/"+id+"/resend", nil).want(t, http.StatusCreated)
	await(t, "the second mail", func() bool {
		for _, l := range shared.letters(t) {
			if _, again := l.link(t); l.to == w.email("ben") && again != token {
				token = again
				return true
			}
		}
		return false
	})
	ben.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
}

// TestTheLastAdminStays until there is another.
func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()

	for objectType, roles := range map[string][]string{
		"partner":          {"partner_admin"},
		"customer_account": {"customer_admin", "cockpit_access", "portal_admin"},
		"instance":         {"company_admin"},
	} {
		w := build(t, shared, "last-"+collections[objectType])
		admin := w.almighty(t)
		id := admin.get(t, "/v1/me").text(t, "id")
		for _, role := range roles {
			path := w.path(objectType) + "/members/" + id + "/roles/" + role
			code := "last_admin"
			if objectType == "partner" {
				code = "self_removal" // which nobody may, be there others or not
			}
			admin.delete(t, path).want(t, http.StatusConflict).code(t, code)
		}
	}
}
