package integration

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// place is a role of a site, on one of its objects.
type place struct {
	role, objectType, id string
	rank                 int
	above                []string // ids of what its object hangs from
}

// TestC94_AddingAnExistingPerson tries every ordered pair of levels, on the same
// object, above, below and beside it. Adding never takes anything away, and a level
// that rises replaces what it covers.
func TestC94_AddingAnExistingPerson(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "levels")
	admin := w.admin(t, "partner")
	site := w.id("partner")
	places := []place{{"partner_admin", "partner", site, 40, nil}}
	for _, client := range []string{"a", "b"} {
		id := w.name + "-" + client
		admin.post(t, w.path("partner")+"/clients", object{"id": id, "name": id}).want(t, http.StatusCreated)
		places = append(places, place{"client_admin", "client", id, 30, []string{site}})
		for _, project := range []string{"1", "2"} {
			below := id + project
			admin.post(t, "/v1/clients/"+id+"/projects", object{"id": below, "name": below}).want(t, http.StatusCreated)
			places = append(places,
				place{"project_admin", "project", below, 20, []string{id, site}},
				place{"project_member", "project", below, 10, []string{id, site}})
		}
	}
	give := func(p place, who string) answer {
		return admin.post(t, "/v1/"+collections[p.objectType]+"/"+p.id+"/members",
			named(w.email(who), p.role))
	}
	holds := func(p place, who string) bool {
		listed := admin.get(t, "/v1/"+collections[p.objectType]+"/"+p.id+"/members?role="+p.role+"&q="+w.email(who)).want(t, http.StatusOK)
		return len(listed.at(t, "members").([]any)) > 0
	}
	for _, first := range places {
		for _, second := range places {
			who := w.fresh()
			name := first.role + " of " + first.id + ", then " + second.role + " of " + second.id
			give(first, who).want(t, http.StatusCreated)
			outcome := give(second, who).want(t, http.StatusOK).text(t, "outcome")

			covered := first.id == second.id || slices.Contains(second.above, first.id)
			covers := first.id == second.id || slices.Contains(first.above, second.id)
			switch {
			case covered && first.rank >= second.rank:
				assert.Equal(t, "unchanged", outcome, name)
				assert.True(t, holds(first, who), name)
				assert.Equal(t, first.role == second.role && first.id == second.id, holds(second, who), name)
			case second.rank > first.rank:
				assert.Equal(t, "upgraded", outcome, name)
				assert.True(t, holds(second, who), name)
				assert.Equal(t, !covers, holds(first, who), name)
			default:
				assert.Equal(t, "granted", outcome, name)
				assert.True(t, holds(first, who) && holds(second, who), name)
			}
		}
	}
}

// TestC96_RemovalFromTheSite ends everything there at once, tidies up, and lets the
// person come back with nothing but what they are given then.
func TestC96_RemovalFromTheSite(t *testing.T) {
	t.Parallel()
	w, elsewhere := build(t, shared, "removal"), build(t, shared, "untouched")
	admin, email := w.admin(t, "partner"), w.email("ann")
	ann := w.add(t, "client", email, "client_admin")
	w.add(t, "project", email, "project_member")
	w.add(t, "customer_account", email, "technical_contact")
	elsewhere.add(t, "project", email, "project_member")
	admin.post(t, w.path("partner")+"/invitations", object{"email": email, "roles": []string{"partner_admin"}}).want(t, http.StatusCreated)
	_, token := shared.letter(t, email).link(t)
	may := func(objectType, id, permission string) bool {
		return shared.operator(t).post(t, "/v1/check", question(objectType, id, permission, object{"type": "user", "id": ann})).at(t, "allowed").(bool)
	}

	admin.delete(t, w.path("partner")+"/members/"+ann).want(t, http.StatusNoContent)
	assert.False(t, may("client", w.id("client"), "administer"))
	assert.False(t, may("project", w.id("project"), "view"))
	assert.True(t, may("project", elsewhere.id("project"), "view"), "other sites are untouched")
	assert.True(t, may("customer_account", w.id("customer_account"), "create_ticket"), "and so are accounts")

	await(t, "the site to be tidy", func() bool {
		for _, r := range shared.relationships(t) {
			if r == "partner:"+w.id("partner")+"#removing@user:"+ann {
				return false
			}
		}
		return true
	})
	for _, fact := range []string{"client:" + w.id("client") + "#admin@user:" + ann, "project:" + w.id("project") + "#member@user:" + ann} {
		assert.NotContains(t, shared.relationships(t), fact)
	}
	shared.as(t, email).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusGone).code(t, "revoked")
	admin.delete(t, w.path("partner")+"/members/"+ann).want(t, http.StatusNoContent)

	again := admin.post(t, w.path("project")+"/members", named(email)).want(t, http.StatusOK)
	assert.Equal(t, "reactivated", again.text(t, "outcome"))
	assert.True(t, may("project", w.id("project"), "view"))
	assert.False(t, may("client", w.id("client"), "administer"), "old roles do not come back")
}

// TestC95_NobodyRemovesThemself, and only another partner admin removes one.
func TestC95_NobodyRemovesThemself(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "themself")
	ann := w.add(t, "partner", w.email("ann"), "partner_admin")
	path := w.path("partner") + "/members/" + ann
	shared.as(t, w.email("ann")).delete(t, path).want(t, http.StatusConflict).code(t, "self_removal")
	shared.operator(t).delete(t, path).want(t, http.StatusForbidden)
	w.admin(t, "partner").delete(t, path).want(t, http.StatusNoContent)
}
