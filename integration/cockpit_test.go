package integration

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNINE2_NumbersAndIdentifiersAreUnique: of a customer number or an identifier
// that is taken nothing comes.
func TestNINE2_NumbersAndIdentifiersAreUnique(t *testing.T) {
	t.Parallel()
	w := empty(shared, "nine-2")
	operator := shared.operator(t)
	first := w.name + "-first"
	w.account(t, "first", object{})
	for name, body := range map[string]object{
		"number":     {"customer_number": first, "identifier": w.name + "-free"},
		"identifier": {"customer_number": w.name + "-free", "identifier": first},
	} {
		id := w.name + "-" + name
		body["id"], body["name"] = id, name
		operator.post(t, "/v1/customer-accounts", body).want(t, http.StatusConflict).code(t, "taken")
		operator.get(t, "/v1/customer-accounts/"+id).want(t, http.StatusNotFound)
		assert.Equal(t, []string{""}, shared.zedReads(t, "customer_account:"+id))
	}
	got := operator.get(t, "/v1/customer-accounts/"+first).want(t, http.StatusOK)
	assert.Equal(t, []string{first, first}, []string{got.text(t, "customer_number"), got.text(t, "identifier")})
	operator.post(t, "/v1/customer-accounts", object{
		"name": "Free", "customer_number": w.name + "-free", "identifier": w.name + "-free",
	}).want(t, http.StatusCreated) // what was refused took neither
}

// combinations are those of the three cockpit roles: A customer_admin, C
// cockpit_access, T technical_contact.
var combinations = []string{"", "A", "C", "T", "AC", "AT", "CT", "ACT"}

var cockpitRole = map[rune]string{'A': "customer_admin", 'C': "cockpit_access", 'T': "technical_contact"}

// cockpitMatrix says which of the roles, each or together, bring a permission. An
// empty one is brought by none of them.
var cockpitMatrix = map[string]map[string]string{
	"customer_account": {
		"read":             "A, C, T",
		"access_cockpit":   "C",
		"use_resources":    "C",
		"create_ticket":    "T, AC",
		"manage_addresses": "AC", "view_invoices": "AC", "administer": "AC", "cockpit_administer": "AC",
		"manage_contacts": "AC", "manage_cockpit_roles": "AC", "manage_resources": "AC",
		"receive_technical_information": "T",
		"receive_important_information": "A",

		"use_portal": "", "view_insights": "", "use_tools": "", "manage_portal_roles": "", "manage_api_keys": "",
		"order_service": "", "provision_service": "", "order_campus_fiber": "", "apply_technical_changes": "",
		"view_colocation": "", "view_partner_section": "", "add_sub_customer": "",
		"configure_contract": "", "appoint_first_portal_admin": "", "resell_view": "", "resell_order": "", "resell_apply": "",
	},
	"resource": {"use": "C", "read": "C", "delete": "AC"},
}

// brought tells whether a combination of roles brings what needs one of some.
func brought(combination, needed string) bool {
	for _, some := range strings.FieldsFunc(needed, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !strings.ContainsFunc(some, func(r rune) bool { return !strings.ContainsRune(combination, r) }) {
			return true
		}
	}
	return false
}

// TestNINE3_EveryCombinationOfRoles gives each of the eight, and asks for every
// permission of an account and its resources.
func TestNINE3_EveryCombinationOfRoles(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nine-3")
	operator, resource := shared.operator(t), w.name+"-vm"
	operator.post(t, w.path("customer_account")+"/resources", object{"id": resource, "name": "VM"}).want(t, http.StatusCreated)
	ids := map[string]string{"customer_account": w.id("customer_account"), "resource": resource}

	printed, err := say(t.Context(), "", gatehouse, "schema", "print")
	require.NoError(t, err)
	for objectType, rows := range cockpitMatrix {
		assert.ElementsMatch(t, permissionsOf(printed, objectType), keys(rows), "the permissions of %s", objectType)
	}

	for _, combination := range combinations {
		t.Run("roles "+combination, func(t *testing.T) {
			email := w.email("who" + strings.ToLower(combination))
			user := shared.as(t, email).get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
			var roles []string
			for _, letter := range combination {
				roles = append(roles, cockpitRole[letter])
			}
			if len(roles) > 0 {
				got := operator.post(t, w.path("customer_account")+"/members", object{"email": email, "roles": roles}).want(t, http.StatusCreated)
				assert.ElementsMatch(t, roles, got.at(t, "roles"))
			}
			for objectType, rows := range cockpitMatrix {
				for permission, needed := range rows {
					w.wantMayOn(t, objectType, ids[objectType], permission, "user", user, brought(combination, needed))
				}
			}
			if combination == "A" || combination == "AC" {
				shared.bothSay(t, combination == "AC", "customer_account:"+w.id("customer_account"), "create_ticket", "user:"+user)
			}
		})
	}
}

// permissionsOf lists the permissions that a schema defines on a type.
func permissionsOf(schema, objectType string) (names []string) {
	_, rest, _ := strings.Cut(schema, "\ndefinition "+objectType+" {")
	body, _, _ := strings.Cut(rest, "\n}")
	for _, found := range regexp.MustCompile(`(?m)^\s*permission (\w+)`).FindAllStringSubmatch(body, -1) {
		names = append(names, found[1])
	}
	return names
}

func keys(rows map[string]string) (names []string) {
	for name := range rows {
		names = append(names, name)
	}
	return names
}

// TestNINE4_InvitedByEmail: the link is accepted by whoever has the address, with a
// login they had before or a new one, and by nobody else.
func TestNINE4_InvitedByEmail(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nine-4")
	admin, path := w.admin(t, "customer_account"), w.path("customer_account")+"/invitations"
	account := "customer_account:" + w.id("customer_account")
	shared.as(t, w.email("had-one")).get(t, "/v1/me").want(t, http.StatusOK)

	for _, who := range []string{"had-one", "has-none"} {
		admin.post(t, path, object{"email": strings.ToUpper(w.email(who)), "roles": []string{"cockpit_access"}}).want(t, http.StatusCreated)
		_, token := shared.letter(t, w.email(who)).link(t)
		accept := func(c caller) answer { return c.post(t, "/v1/invitations/accept", object{"token": token}) }

		accept(shared.as(t, w.email("another"))).want(t, http.StatusForbidden).code(t, "email_mismatch")
		accept(shared.nobody()).want(t, http.StatusUnauthorized)
		pending := admin.get(t, path+"?status=pending").want(t, http.StatusOK)
		assert.Equal(t, w.email(who), pending.text(t, "invitations", 0, "email"), "it stays pending")

		invited := shared.as(t, w.email(who))
		id := invited.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
		assert.Empty(t, invited.get(t, "/v1/me/cockpits").at(t, "cockpits"))
		shared.bothSay(t, false, account, "access_cockpit", "user:"+id)
		assert.Equal(t, id, accept(invited).want(t, http.StatusCreated).text(t, "user", "id"))
		shared.bothSay(t, true, account, "access_cockpit", "user:"+id)
		assert.Len(t, invited.get(t, "/v1/me/cockpits").at(t, "cockpits"), 1)
		accept(invited).want(t, http.StatusConflict).code(t, "not_pending")
	}
}

// TestNINE6_ContactsHaveAccessOnFirstLogin, with no further write by anybody.
func TestNINE6_ContactsHaveAccessOnFirstLogin(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nine-6")
	account := "customer_account:" + w.id("customer_account")
	contact := w.add(t, "customer_account", w.email("cora"), "cockpit_access", "technical_contact")
	status := func() string {
		return w.admin(t, "customer_account").get(t, w.path("customer_account")+"/members?q=cora").want(t, http.StatusOK).text(t, "members", 0, "status")
	}
	assert.Equal(t, "contact", status())
	before := shared.zedReads(t, account)

	cora := shared.as(t, strings.ToUpper(w.email("cora")))
	assert.Equal(t, w.id("customer_account"), cora.get(t, "/v1/me/cockpits").want(t, http.StatusOK).text(t, "cockpits", 0, "id"))
	assert.Equal(t, contact, cora.get(t, "/v1/me").text(t, "id"))
	shared.bothSay(t, true, account, "access_cockpit", "user:"+contact)
	assert.Equal(t, before, shared.zedReads(t, account))
	assert.Equal(t, "active", status())
}

// TestNINE8_NINE9_ContactsAreManaged by customer admins who have cockpit access, and
// by staff on their behalf.
func TestNINE8_NINE9_ContactsAreManaged(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "nine-8")
	path := w.path("customer_account") + "/members"
	for _, c := range []struct {
		objectType, roles string // of whoever tries
		adds, lists       int
	}{
		{"customer_account", "customer_admin cockpit_access", 201, 200},
		{"customer_account", "customer_admin", 403, 403},
		{"customer_account", "cockpit_access", 403, 403},
		{"customer_account", "technical_contact", 403, 403},
		{"customer_account", "technical_contact cockpit_access", 403, 403},
		{"customer_account", "customer_admin technical_contact", 403, 403},
		{"customer_account", "portal_admin", 403, 200}, // who manages the portal's people
		{"platform", "support", 201, 200},
		{"instance", "company_admin", 404, 404},
	} {
		t.Run(c.roles, func(t *testing.T) {
			email := w.email(w.fresh())
			user := w.add(t, c.objectType, email, strings.Fields(c.roles)...)
			who := shared.as(t, email)
			who.get(t, path).want(t, c.lists)
			contact := w.email(w.fresh())
			added := who.post(t, path, object{"email": contact, "roles": []string{"technical_contact"}}).want(t, c.adds)
			shared.bothSay(t, c.adds == 201, "customer_account:"+w.id("customer_account"), "manage_cockpit_roles", "user:"+user)
			if c.adds != 201 {
				return
			}
			member := path + "/" + added.text(t, "user", "id")
			who.do(t, http.MethodPut, member+"/roles", object{"roles": []string{"cockpit_access"}}).want(t, http.StatusOK)
			who.delete(t, member+"/roles/cockpit_access").want(t, http.StatusNoContent)
		})
	}
}
