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

// levels are the roles of a site of two clients with two projects each, built by a
// partner admin; the first four are on one branch.
func (w world) levels(t *testing.T) (places []place) {
	t.Helper()

	admin, site := w.admin(t, "partner"), w.id("partner")
	places = []place{{"partner_admin", "partner", site, 40, nil}}
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
	return places
}

func (p place) members() string { return "/v1/" + collections[p.objectType] + "/" + p.id + "/members" }

// reaches tells whether a role brings a permission on the object of another place:
// each level administers its object and all beneath it, and a project user views.
func (p place) reaches(other place, permission string) bool {
	if p.role == "project_member" {
		return p.id == other.id && permission == "view"
	}
	return p.id == other.id || slices.Contains(other.above, p.id)
}

// wantReach asks for everything on every object of a site, at once.
func (w world) wantReach(t *testing.T, name, user string, site []place, held ...place) {
	t.Helper()

	var checks []object
	var want []bool
	for _, p := range site {
		permission := "administer"
		if p.role == "project_member" {
			permission = "view"
		}
		checks = append(checks, question(p.objectType, p.id, permission, object{"type": "user", "id": user}))
		want = append(want, slices.ContainsFunc(held, func(h place) bool { return h.reaches(p, permission) }))
	}
	got := w.server.operator(t).post(t, "/v1/check/bulk", object{"checks": checks}).want(t, http.StatusOK)
	for i := range checks {
		assert.Equal(t, want[i], got.at(t, "results", i, "allowed"), "%s: %v", name, checks[i])
	}
}

// TestC94_AddingAnExistingPerson tries every ordered pair of levels, on the same
// object, above, below and beside it, for good and until a date. Adding never takes
// anything away, and a level that rises replaces what it covers and outlasts.
func TestC94_AddingAnExistingPerson(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "levels")
	admin, places := w.admin(t, "partner"), w.levels(t)
	give := func(p place, who, until string) answer {
		body := named(w.email(who), p.role)
		if until != "" {
			body["ends_on"] = until
		}
		return admin.post(t, p.members(), body)
	}
	holds := func(p place, who string) bool {
		listed := admin.get(t, p.members()+"?role="+p.role+"&q="+w.email(who)).want(t, http.StatusOK)
		return len(listed.at(t, "members").([]any)) > 0
	}
	const soon, late = "2050-06-30", "2050-12-31"
	for _, ends := range [][2]string{{"", ""}, {soon, ""}, {"", soon}, {soon, late}, {late, soon}} {
		lasts := ends[0] == "" || ends[1] != "" && ends[0] >= ends[1]    // the first no shorter than the second
		outlasts := ends[1] == "" || ends[0] != "" && ends[1] >= ends[0] // and the second than the first
		for _, first := range places[:4] {
			for _, second := range places {
				who := w.fresh()
				name := first.role + " of " + first.id + " until " + ends[0] + ", then " + second.role + " of " + second.id + " until " + ends[1]
				user := give(first, who, ends[0]).want(t, http.StatusCreated).text(t, "user", "id")
				got := give(second, who, ends[1])

				same := first.id == second.id
				covered := same || slices.Contains(second.above, first.id)
				covers := same || slices.Contains(first.above, second.id)
				switch {
				case covered && first.rank >= second.rank && lasts:
					assert.Equal(t, "unchanged", got.want(t, http.StatusOK).text(t, "outcome"), name)
					assert.True(t, holds(first, who), name)
					assert.Equal(t, first.role == second.role && same, holds(second, who), name)
				case same && first.role == second.role:
					assert.Equal(t, "extended", got.want(t, http.StatusOK).text(t, "outcome"), name)
				case same && !(second.rank > first.rank && outlasts):
					got.want(t, http.StatusConflict).code(t, "would_shorten")
					assert.True(t, holds(first, who) && !holds(second, who), name)
					w.wantReach(t, name, user, places, first)
					continue
				case second.rank > first.rank:
					assert.Equal(t, "upgraded", got.want(t, http.StatusOK).text(t, "outcome"), name)
					assert.True(t, holds(second, who), name)
					assert.Equal(t, !covers || !outlasts, holds(first, who), name)
				default:
					assert.Equal(t, "granted", got.want(t, http.StatusOK).text(t, "outcome"), name)
					assert.True(t, holds(first, who) && holds(second, who), name)
				}
				w.wantReach(t, name, user, places, first, second)
				if ends == [2]string{soon, late} && first.role == "project_member" && second.id == first.above[0] {
					shared.bothSay(t, true, "client:"+second.id, "administer", "user:"+user)
					shared.bothSay(t, false, "partner:"+w.id("partner"), "administer", "user:"+user)
				}
			}
		}
	}
}

// TestC91_PartnerAdminsAddPartnerAdmins, and nobody else in the site; an operator
// appoints the first.
func TestC91_PartnerAdminsAddPartnerAdmins(t *testing.T) {
	t.Parallel()
	w := empty(shared, "c9-1")
	operator, path := shared.operator(t), w.path("partner")+"/members"
	operator.post(t, "/v1/partners", object{"id": w.id("partner"), "name": "First"}).want(t, http.StatusCreated)
	add := func(c caller, who string) answer { return c.post(t, path, named(w.email(who), "partner_admin")) }
	stranger := shared.as(t, w.email("stranger"))
	add(stranger, "stranger").want(t, http.StatusNotFound)
	first := add(operator, "ann").want(t, http.StatusCreated).text(t, "user", "id")
	ann := shared.as(t, w.email("ann"))
	ann.post(t, w.path("partner")+"/clients", object{"id": w.id("client"), "name": "A"}).want(t, http.StatusCreated)
	ann.post(t, w.path("client")+"/projects", object{"id": w.id("project"), "name": "A"}).want(t, http.StatusCreated)
	for objectType, role := range map[string]string{"client": "client_admin", "project": "project_admin"} {
		c, user := w.seat(t, w.path(objectType), role, role)
		add(c, role).want(t, http.StatusNotFound)
		shared.bothSay(t, false, "partner:"+w.id("partner"), "add_partner_admin", "user:"+user)
	}
	add(ann, "ben").want(t, http.StatusCreated)
	add(shared.as(t, w.email("ben")), "cem").want(t, http.StatusCreated)
	shared.bothSay(t, true, "partner:"+w.id("partner"), "add_partner_admin", "user:"+first)
}

// TestC92_PartnerAdminsReachEverything, also what others create later.
func TestC92_PartnerAdminsReachEverything(t *testing.T) {
	t.Parallel()
	w, elsewhere := build(t, shared, "c9-2"), build(t, shared, "c9-2-elsewhere")
	paula, paulas := w.seat(t, w.path("partner"), "paula", "partner_admin")
	carl, _ := w.seat(t, w.path("client"), "carl", "client_admin")
	later := w.fresh()
	carl.post(t, w.path("client")+"/projects", object{"id": later, "name": "Later"}).want(t, http.StatusCreated)
	assert.Len(t, paula.get(t, w.path("client")+"/projects").want(t, http.StatusOK).at(t, "objects"), 2)
	assert.Len(t, paula.get(t, w.path("partner")+"/clients").want(t, http.StatusOK).at(t, "objects"), 1)
	paula.post(t, "/v1/projects/"+later+"/members", named(w.email("uma"))).want(t, http.StatusCreated)
	shared.bothSay(t, true, "project:"+later, "administer", "user:"+paulas)
	shared.bothSay(t, false, "project:"+elsewhere.id("project"), "view", "user:"+paulas)
	paula.get(t, elsewhere.path("project")).want(t, http.StatusNotFound)
}

// TestC93_EachLevelHasItsReach, and no more. A project user is the default.
func TestC93_EachLevelHasItsReach(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "c9-3")
	admin, places := w.admin(t, "partner"), w.levels(t)
	for _, p := range places[:4] {
		body := named(w.email(w.fresh()), p.role)
		if p.role == "project_member" {
			delete(body, "roles")
		}
		got := admin.post(t, p.members(), body).want(t, http.StatusCreated)
		assert.Equal(t, []any{p.role}, got.at(t, "roles"))
		w.wantReach(t, p.role, got.text(t, "user", "id"), places, p)
		shared.bothSay(t, p.role != "project_member", "project:"+places[2].id, "administer", "user:"+got.text(t, "user", "id"))
	}
}

// TestC99_PeopleAreAddedInFull: with both names, and the e-mail typed twice. Whoever
// is known is asked for them all the same, and keeps their own.
func TestC99_PeopleAreAddedInFull(t *testing.T) {
	t.Parallel()
	w, elsewhere := build(t, shared, "c9-9"), build(t, shared, "c9-9-elsewhere")
	known := named(w.email("known"), "technical_contact")
	known["given_name"], known["family_name"] = "Noor", "Haddad"
	elsewhere.admin(t, "customer_account").post(t, elsewhere.path("customer_account")+"/members", known).want(t, http.StatusCreated)

	for objectType, role := range map[string]string{"partner": "partner_admin", "client": "client_admin", "project": "project_member"} {
		path, on := w.path(objectType)+"/members", objectType+":"+w.id(objectType)
		before := shared.zedReads(t, on)
		for _, who := range []string{"known", "unknown"} {
			for field, code := range map[string]string{"given_name": "invalid_name", "family_name": "invalid_name", "email_confirmation": "email_confirmation"} {
				for _, value := range []any{nil, "", " \u00a0"} {
					body := named(w.email(who), role)
					if delete(body, field); value != nil {
						body[field] = value
					}
					got := w.admin(t, objectType).post(t, path, body).want(t, http.StatusUnprocessableEntity).code(t, code)
					assert.Contains(t, got.text(t, "detail"), field)
				}
			}
		}
		assert.Equal(t, before, shared.zedReads(t, on), "nothing is written")
	}

	got := w.admin(t, "project").post(t, w.path("project")+"/members", named(w.email("known"))).want(t, http.StatusCreated)
	assert.NotContains(t, string(got.body), "Haddad")
	me := shared.as(t, w.email("known")).get(t, "/v1/me").want(t, http.StatusOK)
	assert.Equal(t, "Noor Haddad", me.text(t, "given_name")+" "+me.text(t, "family_name"))
	shared.bothSay(t, true, "project:"+w.id("project"), "view", "user:"+me.text(t, "id"))
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": w.email("invited")}).want(t, http.StatusCreated) // who proves it
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
	shared.bothSay(t, false, "project:"+w.id("project"), "view", "user:"+ann)
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
	shared.bothSay(t, true, "partner:"+w.id("partner"), "administer", "user:"+ann)
	shared.operator(t).delete(t, path).want(t, http.StatusForbidden)
	w.admin(t, "partner").delete(t, path).want(t, http.StatusNoContent)
	shared.bothSay(t, false, "partner:"+w.id("partner"), "administer", "user:"+ann)
}
