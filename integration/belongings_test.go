package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// belongingReaders may know that what belongs to an account exists.
var belongingReaders = map[string]group{
	"service":  portalRoles + " reseller_admin",
	"resource": "operator portal_admin cockpit_access cockpit_admin",
	"api_key":  "portal_admin",
}

// belongingRules say who creates, sees and deletes what belongs to an account.
func belongingRules() []rule {
	keys := right{"manage_api_keys", "portal_admin"}
	resources := group("operator cockpit_admin portal_admin")
	return []rule{
		{operation: "listServices", objectType: "customer_account", right: see("customer_account"), status: 200},
		{operation: "provisionService", objectType: "customer_account", right: right{"order_service", "portal_admin"}, status: 201},
		{operation: "readService", objectType: "service", right: right{"read", belongingReaders["service"]}, status: 200},
		{operation: "deleteService", objectType: "service", right: right{"delete", "portal_admin"}, status: 204},
		{operation: "listResources", objectType: "customer_account", right: see("customer_account"), status: 200},
		{operation: "createResource", objectType: "customer_account", right: right{"manage_resources", resources}, status: 201},
		{operation: "deleteResource", objectType: "resource", right: right{"delete", resources}, status: 204},
		{operation: "listApiKeys", objectType: "customer_account", right: keys, status: 200},
		{operation: "createApiKey", objectType: "customer_account", right: keys, status: 201},
		{operation: "deleteApiKey", objectType: "api_key", right: right{"delete", "portal_admin"}, status: 204},
	}
}

// belongingAttempt prepares an attempt on what belongs to the world's account: the
// id of what it is about, and the body.
func (w world) belongingAttempt(t *testing.T, operation, name string) (id string, body any) {
	t.Helper()

	admin, account := w.admin(t, "customer_account"), w.path("customer_account")
	service := object{"id": name, "kind": "virtual_pni", "name": name, "supply": "direct"}
	switch operation {
	case "provisionService":
		return w.id("customer_account"), service
	case "createResource":
		return w.id("customer_account"), object{"id": name, "name": name}
	case "createApiKey":
		return w.id("customer_account"), object{"name": name, "role": "portal_technical_user"}
	case "readService", "deleteService":
		admin.post(t, account+"/services", service).want(t, http.StatusCreated)
	case "deleteResource":
		admin.post(t, account+"/resources", object{"id": name, "name": name}).want(t, http.StatusCreated)
	case "deleteApiKey":
		name = admin.post(t, account+"/api-keys", object{"name": name}).want(t, http.StatusCreated).text(t, "api_key", "id")
	}
	return name, nil
}

// secret is that of an API key in the answer that shows it, which is the only one.
var secret = regexp.MustCompile(`"secret":"gh[ka]_[A-Za-z0-9_-]{43}_[0-9a-f]{8}",`)

// TestDCX8_APIKeys are made, listed and deleted by portal admins, shown once, and
// usable as subjects.
func TestDCX8_APIKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "dcx-8")
	admin, keys := w.admin(t, "customer_account"), w.path("customer_account")+"/api-keys"
	may := func(id, permission string, want bool) {
		t.Helper()
		w.wantMayOn(t, "customer_account", w.id("customer_account"), permission, "api_key", id, want)
		assert.Equal(t, want, s.zedAllows(t, "customer_account:"+w.id("customer_account"), permission, "api_key:"+id), "zed")
	}

	plain := admin.post(t, keys, object{"name": "Plain"}).want(t, 201)
	create := func() answer {
		return admin.do(t, http.MethodPost, keys, object{"name": "Robot", "role": "portal_technical_user"}, "Idempotency-Key", "robot").want(t, 201)
	}
	made := create()
	id, told := made.text(t, "api_key", "id"), made.text(t, "secret")
	require.Regexp(t, `^ghk_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`, told)
	assert.NotEqual(t, told, plain.text(t, "secret"))
	again := create()
	assert.Equal(t, id, again.text(t, "api_key", "id"))
	assert.NotContains(t, string(again.body), "secret", "it is shown once, also to whoever repeats the request")

	listed := admin.get(t, keys).want(t, 200)
	assert.Len(t, listed.at(t, "api_keys"), 2)
	assert.Contains(t, string(listed.body), `"portal_technical_user"`)
	assert.NotContains(t, string(listed.body), "ghk_")
	kept, err := filepath.Glob(filepath.Join(s.dataDir, "*"))
	require.NoError(t, err)
	for _, file := range kept {
		if text, err := os.ReadFile(file); err == nil {
			assert.False(t, strings.Contains(string(text), told), "the secret is in %s", file)
		}
	}

	may(id, "use_portal", true)
	may(id, "apply_technical_changes", true)
	may(id, "order_service", false)
	may(plain.text(t, "api_key", "id"), "use_portal", false)
	members := admin.get(t, w.path("customer_account")+"/members").want(t, 200)
	assert.NotContains(t, string(members.body), id, "a machine is no member")

	for name, body := range map[string]object{
		"unknown_role": {"name": "Boss", "role": "portal_admin"}, "invalid_name": {"name": " "},
	} {
		admin.post(t, keys, body).want(t, 422).code(t, name)
	}
	admin.post(t, keys, object{"name": "Contact", "role": "technical_contact"}).want(t, 422).code(t, "unknown_role")

	admin.delete(t, "/v1/api-keys/"+id).want(t, 204)
	may(id, "use_portal", false)
	assert.NotContains(t, strings.Join(s.relationships(t), "\n"), "api_key:"+id)
	assert.Len(t, admin.get(t, keys).at(t, "api_keys"), 1)
	admin.delete(t, "/v1/api-keys/"+id).want(t, 404)
}

// TestDCX9_CampusFiber is ordered and seen by colocation customers alone.
func TestDCX9_CampusFiber(t *testing.T) {
	t.Parallel()
	w := empty(shared, "dcx-9")
	for name, contract := range map[string]object{"with": {"direct": true, "colocation": true}, "without": {"direct": true}} {
		_, account := w.account(t, name, contract)
		admin, id := w.seat(t, account, "admin-"+name, "portal_admin")
		fiber := object{"id": w.name + "-" + name, "kind": "campus_fiber", "name": "Fiber", "supply": "direct"}
		if name == "without" {
			got := admin.post(t, account+"/services", fiber).want(t, 403)
			assert.Equal(t, "order_campus_fiber", got.text(t, "permission"))
			shared.bothSay(t, false, "customer_account:"+w.name+"-without", "order_campus_fiber", "user:"+id)
			continue
		}
		admin.post(t, account+"/services", fiber).want(t, 201)
		assert.Len(t, admin.get(t, account+"/services").want(t, 200).at(t, "objects"), 1)
		admin.get(t, "/v1/services/"+w.name+"-with").want(t, 200)
		shared.bothSay(t, true, "service:"+w.name+"-with", "view", "user:"+id)

		shared.operator(t).do(t, http.MethodPut, account+"/contract", object{"direct": true, "colocation": false, "partner_status": false}).want(t, 200)
		assert.Empty(t, admin.get(t, account+"/services").want(t, 200).at(t, "objects"))
		admin.get(t, "/v1/services/"+w.name+"-with").want(t, 404)
	}
}

// TestResources of an account are managed by its admins and operators, and used by
// whoever has cockpit access.
func TestResources(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "resources")
	account := w.path("customer_account")
	ann, annID := w.seat(t, account, "ann", "cockpit_access")
	tess, _ := w.seat(t, account, "tess", "technical_contact")
	operator := shared.operator(t)

	id := w.name + "-vm"
	operator.post(t, account+"/resources", object{"id": id, "name": "VM"}).want(t, 201)
	operator.post(t, account+"/resources", object{"id": id, "name": "VM"}).want(t, 409).code(t, "taken")
	for c, want := range map[caller]int{ann: 1, operator: 1, tess: 0} {
		assert.Len(t, c.get(t, account+"/resources").want(t, 200).at(t, "objects"), want)
	}
	w.wantMayOn(t, "resource", id, "use", "user", annID, true)
	ann.delete(t, "/v1/resources/"+id).want(t, 403)
	tess.delete(t, "/v1/resources/"+id).want(t, 404)
	w.admin(t, "customer_account").delete(t, "/v1/resources/"+id).want(t, 204)
	w.wantMayOn(t, "resource", id, "use", "user", annID, false)
	assert.Empty(t, ann.get(t, account+"/resources").want(t, 200).at(t, "objects"))
}

// TestServicesAreOrderedInSense refuses what is no service.
func TestServicesAreOrderedInSense(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "services")
	admin, services := w.admin(t, "customer_account"), w.path("customer_account")+"/services"
	for code, body := range map[string]object{
		"unknown_service_kind": {"kind": "telegraph", "name": "A", "supply": "direct"},
		"invalid_supply":       {"kind": "access", "name": "A", "supply": "stolen"},
		"invalid_name":         {"kind": "access", "name": "", "supply": "direct"},
		"malformed_id":         {"id": "*", "kind": "access", "name": "A", "supply": "direct"},
	} {
		admin.post(t, services, body).want(t, 422).code(t, code)
	}
	got := admin.post(t, services, object{"id": w.name, "kind": "access", "name": "A", "supply": "direct"}).want(t, 201)
	assert.Equal(t, []string{"access", "direct", w.id("customer_account")},
		[]string{got.text(t, "object", "kind"), got.text(t, "object", "supply"), got.text(t, "object", "consumer")})
	assert.Equal(t, got.at(t, "object"), admin.get(t, "/v1/services/"+w.name).want(t, 200).at(t))
	admin.delete(t, "/v1/services/"+w.name).want(t, 403) // of its kind
}
