package integration

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// customerRules say who reads and changes contracts and sub-customers.
func customerRules() []rule {
	return []rule{
		{operation: "readCustomerAccount", objectType: "customer_account", right: see("customer_account"), status: 200},
		{operation: "configureContract", objectType: "customer_account", right: right{"configure_contract", "operator"}, status: 200},
		{operation: "listSubCustomers", objectType: "customer_account", right: see("customer_account"), status: 200},
		{operation: "addSubCustomer", objectType: "customer_account", right: right{"add_sub_customer", "portal_admin"}, status: 201},
	}
}

// contract is that of the world's account, but for its colocation.
func (w world) contract(t *testing.T) object {
	t.Helper()

	c := object(w.server.operator(t).get(t, w.path("customer_account")).want(t, http.StatusOK).at(t, "contract").(map[string]any))
	c["colocation"] = c["colocation"] == false
	return c
}

// account makes a customer account with a contract, and returns its path.
func (w world) account(t *testing.T, name string, contract object) (id, path string) {
	t.Helper()

	id = w.name + "-" + name
	w.server.operator(t).post(t, "/v1/customer-accounts", object{
		"id": id, "name": name, "customer_number": id, "identifier": id, "contract": contract,
	}).want(t, http.StatusCreated)
	return id, "/v1/customer-accounts/" + id
}

// seat gives somebody a role on an object and signs them in.
func (w world) seat(t *testing.T, path, who, role string) (caller, string) {
	t.Helper()

	email := w.email(who)
	w.server.operator(t).post(t, path+"/members", named(email, role)).want(t, http.StatusCreated)
	c := w.server.as(t, email)
	return c, c.get(t, "/v1/me").text(t, "id")
}

// TestDCX1_OneRolePerUserAndAccount: a higher one replaces a lower, and on another
// account the person may have another.
func TestDCX1_OneRolePerUserAndAccount(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "dcx-1")
	admin, path := w.admin(t, "customer_account"), w.path("customer_account")+"/members"
	_, other := w.account(t, "other", object{})
	add := func(roles ...string) answer {
		return admin.post(t, path, object{"email": w.email("ann"), "roles": roles})
	}
	account := "customer_account:" + w.id("customer_account")
	ann := add("portal_read_only_user").want(t, 201).text(t, "user", "id")
	w.server.operator(t).post(t, other+"/members", object{"email": w.email("ann"), "roles": []string{"portal_admin"}}).want(t, 201)

	for _, both := range [][]string{{"portal_admin", "portal_read_only_user"}, {"portal_technical_user", "portal_admin"}} {
		add(both...).want(t, 422).code(t, "exclusive_roles")
		admin.do(t, http.MethodPut, path+"/"+ann+"/roles", object{"roles": both}).want(t, 422).code(t, "exclusive_roles")
	}
	assert.Equal(t, "upgraded", add("portal_technical_user").want(t, 200).text(t, "outcome"))
	assert.Equal(t, "unchanged", add("portal_read_only_user").want(t, 200).text(t, "outcome"))
	for role, want := range map[string]string{"portal_technical_user": account + " portal_technical_user user:" + ann, "portal_read_only_user": ""} {
		assert.Equal(t, []string{want}, shared.zedReads(t, account, role))
	}
	shared.bothSay(t, false, account, "manage_portal_roles", "user:"+ann)
	shared.bothSay(t, true, "customer_account:"+w.name+"-other", "manage_portal_roles", "user:"+ann)
}

// TestDCX2_TheCustomerTypeFollowsFromTheContract, whichever way the contract came.
func TestDCX2_TheCustomerTypeFollowsFromTheContract(t *testing.T) {
	t.Parallel()
	w := empty(shared, "dcx-2")
	operator := shared.operator(t)
	reseller, _ := w.account(t, "reseller", object{"direct": true})
	for want, contract := range map[string]object{
		"direct": {"direct": true}, "pure_sub": {"reseller": reseller}, "non_pure_sub": {"direct": true, "reseller": reseller}, "none": {},
	} {
		t.Run(want, func(t *testing.T) {
			_, created := w.account(t, "created-"+want, contract)
			assert.Equal(t, want, operator.get(t, created).want(t, 200).text(t, "customer_type"))

			_, changed := w.account(t, "changed-"+want, object{"direct": want == "none", "colocation": true})
			body := object{"direct": false, "colocation": false, "partner_status": false}
			for name, value := range contract {
				body[name] = value
			}
			for range 2 { // the second changes nothing
				got := operator.do(t, http.MethodPut, changed+"/contract", body).want(t, 200)
				assert.Equal(t, want, got.text(t, "customer_type"))
			}
			got := operator.get(t, changed).want(t, 200)
			assert.Equal(t, want, got.text(t, "customer_type"))
			assert.Equal(t, map[string]any(body), got.at(t, "contract"))
			if want == "pure_sub" {
				account := "customer_account:" + w.name + "-changed-" + want
				assert.Equal(t, []string{account + " reseller customer_account:" + reseller}, shared.zedReads(t, account, "reseller"))
				assert.Equal(t, []string{""}, shared.zedReads(t, account, "direct_contract"))
			}
		})
	}
}

// TestContractsMakeNoCircle: nobody resells to themself, and what is left out is
// not taken for switched off.
func TestContractsMakeNoCircle(t *testing.T) {
	t.Parallel()
	w := empty(shared, "circle")
	operator := shared.operator(t)
	a, pathA := w.account(t, "a", object{})
	b, pathB := w.account(t, "b", object{"reseller": a})
	c, _ := w.account(t, "c", object{"reseller": b})
	put := func(path string, reseller string) answer {
		return operator.do(t, http.MethodPut, path+"/contract", object{"direct": true, "colocation": false, "partner_status": false, "reseller": reseller})
	}
	for _, reseller := range []string{a, b, c} {
		put(pathA, reseller).want(t, 422).code(t, "reseller_cycle")
	}
	put(pathA, "nobody").want(t, 422).code(t, "unknown_reseller")
	put(pathA, "*").want(t, 422).code(t, "unknown_reseller")
	operator.do(t, http.MethodPut, pathB+"/contract", object{"direct": true}).want(t, 422).code(t, "incomplete")
	assert.Equal(t, "pure_sub", operator.get(t, pathB).text(t, "customer_type"))
	assert.Equal(t, "none", operator.get(t, pathA).text(t, "customer_type"))
}

// TestDCX5_TheResellerAppointsTheFirstAdmin of a sub-customer, and no second one.
func TestDCX5_TheResellerAppointsTheFirstAdmin(t *testing.T) {
	t.Parallel()
	w := empty(shared, "dcx-5")
	resellerID, reseller := w.account(t, "reseller", object{"direct": true})
	_, sub := w.account(t, "sub", object{"reseller": resellerID})
	rae, _ := w.seat(t, reseller, "rae", "portal_admin")
	ray, _ := w.seat(t, reseller, "ray", "portal_technical_user")
	add := func(c caller, who string, roles ...string) answer {
		return c.post(t, sub+"/members", object{"email": w.email(who), "roles": roles})
	}

	add(ray, "sam", "portal_admin").want(t, 403)
	add(rae, "sam", "portal_technical_user").want(t, 403)
	add(rae, "sam", "portal_admin", "technical_contact").want(t, 403)
	rae.post(t, sub+"/invitations", object{"email": w.email("sam"), "roles": []string{"portal_admin"}}).want(t, 403)

	var answers []answer
	for _, who := range []string{"sam", "sue", "sid"} {
		answers = append(answers, add(rae, who, "portal_admin"))
	}
	answers[0].want(t, 201)
	for _, later := range answers[1:] {
		assert.Equal(t, "manage_portal_roles", later.want(t, 403).text(t, "permission"))
	}
	sam := shared.as(t, w.email("sam"))
	add(sam, "sue", "portal_admin").want(t, 201) // by an admin there can be several (DCX-4)
	shared.bothSay(t, true, "customer_account:"+w.name+"-sub", "manage_portal_roles", "user:"+sam.get(t, "/v1/me").text(t, "id"))
	shared.bothSay(t, false, "customer_account:"+w.name+"-sub", "manage_portal_roles", "user:"+rae.get(t, "/v1/me").text(t, "id"))
}

// TestDCX7_SubCustomers are added by a partner's admin, with an external reference
// and a first user.
func TestDCX7_SubCustomers(t *testing.T) {
	t.Parallel()
	w := empty(shared, "dcx-7")
	partnerID, partner := w.account(t, "partner", object{"direct": true, "partner_status": true})
	_, plain := w.account(t, "plain", object{"direct": true})
	pam, _ := w.seat(t, partner, "pam", "portal_admin")
	tom, _ := w.seat(t, partner, "tom", "portal_technical_user")
	pat, _ := w.seat(t, plain, "pat", "portal_admin")
	sub := func(name string) object {
		id := w.name + "-" + name
		return object{
			"id": id, "name": name, "customer_number": id, "identifier": id, "external_reference": "42/" + name,
			"first_admin": object{"email": w.email("first-" + name), "given_name": "Fay", "family_name": "First"},
		}
	}

	tom.post(t, partner+"/sub-customers", sub("one")).want(t, 403)
	pat.post(t, plain+"/sub-customers", sub("one")).want(t, 403)
	pat.post(t, partner+"/sub-customers", sub("one")).want(t, 404)
	bad := sub("one")
	bad["first_admin"] = object{"email": "nobody"}
	pam.post(t, partner+"/sub-customers", bad).want(t, 422).code(t, "invalid_email")
	bad = sub("one")
	bad["external_reference"] = "4\n2"
	pam.post(t, partner+"/sub-customers", bad).want(t, 422).code(t, "invalid_name")

	got := pam.post(t, partner+"/sub-customers", sub("one")).want(t, 201)
	assert.Equal(t, "42/one", got.text(t, "object", "external_reference"))
	first := got.text(t, "first_admin", "id")
	pam.post(t, partner+"/sub-customers", sub("one")).want(t, 409).code(t, "taken")
	shared.bothSay(t, true, "customer_account:"+w.name+"-one", "manage_portal_roles", "user:"+first)

	account := pam.get(t, "/v1/customer-accounts/"+w.name+"-one").want(t, 200)
	assert.Equal(t, "pure_sub", account.text(t, "customer_type"))
	assert.Equal(t, partnerID, account.text(t, "contract", "reseller"))
	assert.Equal(t, "42/one", account.text(t, "external_reference"))

	without := sub("two")
	delete(without, "first_admin")
	delete(without, "external_reference")
	pam.post(t, partner+"/sub-customers", without).want(t, 201)
	for c, want := range map[caller]int{pam: 2, tom: 2, shared.operator(t): 2} {
		assert.Len(t, c.get(t, partner+"/sub-customers").want(t, 200).at(t, "objects"), want)
	}
	shared.operator(t).post(t, partner+"/members", object{"email": w.email("tess"), "roles": []string{"technical_contact"}}).want(t, 201)
	assert.Empty(t, shared.as(t, w.email("tess")).get(t, partner+"/sub-customers").want(t, 200).at(t, "objects"), "which a contact may not read")
	assert.NotContains(t, fmt.Sprint(pam.get(t, "/v1/customer-accounts").at(t, "objects")), plain)
}
