package integration

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The matrix of DCX-3: what the admin, the technical user and the read-only user of
// a direct customer, a pure sub-customer and another sub-customer may do. A letter
// says that they may, a hyphen that they may not. Accounts are with colocation and
// partner status, or plain; services are sold directly or resold.
var matrix = []struct {
	action string
	cells  string // direct, pure sub, non-pure sub
	try    func(c column) bool
}{
	{"create a service", "A-- --- A--", func(c column) bool { return c.order("access", "direct") }},
	{"create a service that the reseller pays", "--- --- ---", func(c column) bool { return c.order("access", "resold") }},
	{"create CampusFIBER, with colocation", "A-- --- A--", func(c column) bool { return c.order("campus_fiber", "direct") }},
	{"create CampusFIBER, without", "--- --- ---", func(c column) bool { return c.plain().order("campus_fiber", "direct") }},
	{"create CampusFIBER that the reseller pays", "--- --- ---", func(c column) bool { return c.order("campus_fiber", "resold") }},
	{"view every kind", "ATR ATR ATR", func(c column) bool {
		return !slices.ContainsFunc(kinds, func(kind string) bool { return !c.mayWith("view", kind, "direct") })
	}},
	{"view service details", "ATR ATR ATR", func(c column) bool { return c.get("/v1/services/" + c.service("access", "direct")) }},
	{"view resold service details", "--- ATR ATR", func(c column) bool { return c.get("/v1/services/" + c.service("access", "resold")) }},
	{"view CampusFIBER, with colocation", "ATR ATR ATR", func(c column) bool { return c.get("/v1/services/" + c.service("campus_fiber", "direct")) }},
	{"view CampusFIBER, without", "--- --- ---", func(c column) bool { return c.get("/v1/services/" + c.plain().service("campus_fiber", "direct")) }},
	{"view insights", "ATR ATR ATR", func(c column) bool { return c.may("view_insights") }},
	{"use tools", "ATR ATR ATR", func(c column) bool { return c.may("use_tools") }},

	{"delete access", "--- --- ---", func(c column) bool { return c.mayWith("delete", "access", "direct") }},
	{"delete LAG port", "--- --- ---", func(c column) bool { return c.mayWith("delete", "lag_port", "direct") }},
	{"delete cloud router", "A-- --- A--", func(c column) bool { return c.mayWith("delete", "cloud_router", "direct") }},
	{"delete virtual PNI", "A-- --- A--", func(c column) bool { return c.mayWith("delete", "virtual_pni", "direct") }},
	{"delete direct cloud", "A-- --- A--", func(c column) bool { return c.mayWith("delete", "direct_cloud", "direct") }},
	{"delete GlobePEER", "--- --- ---", func(c column) bool { return c.mayWith("delete", "globe_peer", "direct") }},
	{"delete CampusFIBER", "--- --- ---", func(c column) bool { return c.mayWith("delete", "campus_fiber", "direct") }},
	{"delete what is resold", "--- --- ---", func(c column) bool { return c.mayWith("delete", "direct_cloud", "resold") }},
	{"resize access", "--- --- ---", func(c column) bool { return c.mayWith("resize", "access", "direct") }},
	{"resize LAG port", "--- --- ---", func(c column) bool { return c.mayWith("resize", "lag_port", "direct") }},
	{"resize cloud router", "--- --- ---", func(c column) bool { return c.mayWith("resize", "cloud_router", "direct") }},
	{"resize virtual PNI", "--- --- ---", func(c column) bool { return c.mayWith("resize", "virtual_pni", "direct") }},
	{"resize direct cloud", "A-- --- A--", func(c column) bool { return c.mayWith("resize", "direct_cloud", "direct") }},
	{"resize GlobePEER", "A-- --- A--", func(c column) bool { return c.mayWith("resize", "globe_peer", "direct") }},
	{"resize CampusFIBER", "--- --- ---", func(c column) bool { return c.mayWith("resize", "campus_fiber", "direct") }},
	{"resize what is resold", "--- --- ---", func(c column) bool { return c.mayWith("resize", "direct_cloud", "resold") }},
	{"apply technical changes", "AT- --- AT-", func(c column) bool { return c.mayWith("apply_technical_changes", "access", "direct") }},
	{"apply technical changes to what is resold", "--- --- ---", func(c column) bool { return c.mayWith("apply_technical_changes", "access", "resold") }},

	{"apply technical changes to CampusFIBER", "AT- --- AT-", func(c column) bool { return c.mayWith("apply_technical_changes", "campus_fiber", "direct") }},

	{"partner section, with partner status", "ATR ATR ATR", func(c column) bool { return c.may("view_partner_section") }},
	{"partner section, without", "--- --- ---", func(c column) bool { return c.plain().may("view_partner_section") }},
	{"add sub-customers, with partner status", "A-- A-- A--", func(c column) bool { return c.addSubCustomer() }},
	{"add sub-customers, without", "--- --- ---", func(c column) bool { return c.plain().addSubCustomer() }},
	{"colocation menu, with colocation", "ATR ATR ATR", func(c column) bool { return c.may("view_colocation") }},
	{"colocation menu, without", "--- --- ---", func(c column) bool { return c.plain().may("view_colocation") }},

	{"view users", "A-- A-- A--", func(c column) bool { return c.get(c.path() + "/members") }},
	{"create users", "A-- A-- A--", func(c column) bool {
		return c.post(c.path()+"/members", object{"email": c.w.email(c.w.fresh()), "roles": []string{"portal_read_only_user"}})
	}},
	{"update users", "A-- A-- A--", func(c column) bool {
		user := c.admin().post(c.t, c.path()+"/members", object{"email": c.w.email(c.w.fresh()), "roles": []string{"portal_read_only_user"}}).text(c.t, "user", "id")
		return c.allowed(c.caller.do(c.t, http.MethodPut, c.path()+"/members/"+user+"/roles", object{"roles": []string{"portal_technical_user"}}))
	}},
	{"create API keys", "A-- A-- A--", func(c column) bool { return c.post(c.path()+"/api-keys", object{"name": "A"}) }},
	{"delete API keys", "A-- A-- A--", func(c column) bool {
		return c.allowed(c.caller.delete(c.t, "/v1/api-keys/"+c.key("")))
	}},
	{"own details", "ATR ATR ATR", func(c column) bool {
		return c.allowed(c.caller.do(c.t, http.MethodPatch, "/v1/me", object{"language": "en"})) && c.asks("user", c.user, "manage_profile")
	}},
}

// column is one of the matrix: somebody's role on an account of a customer type.
type column struct {
	t       *testing.T
	w       world
	account string // its name in the world
	caller  caller
	user    string
}

// kinds are those of services.
var kinds = []string{"access", "lag_port", "cloud_router", "virtual_pni", "direct_cloud", "globe_peer", "campus_fiber"}

// TestDCX3_TheMatrix asserts every cell, positively or negatively.
func TestDCX3_TheMatrix(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := empty(s, "dcx-3")
	resellerID, resellerPath := w.account(t, "reseller", object{"direct": true, "colocation": true, "partner_status": true})
	rae, raes := w.seat(t, resellerPath, "rae", "portal_admin")
	_, rays := w.seat(t, resellerPath, "ray", "portal_technical_user")
	_, rios := w.seat(t, resellerPath, "rio", "portal_read_only_user")

	types := []string{"direct", "pure_sub", "non_pure_sub"}
	var columns []column
	for _, customerType := range types {
		for _, account := range []string{customerType, customerType + "-plain"} {
			w.supply(t, account, customerType, resellerID, rae)
		}
		for letter, role := range map[string]string{"A": "portal_admin", "T": "portal_technical_user", "R": "portal_read_only_user"} {
			who := letter + "-" + customerType
			c, user := w.seat(t, "/v1/customer-accounts/"+w.name+"-"+customerType, who, role)
			w.server.operator(t).post(t, "/v1/customer-accounts/"+w.name+"-"+customerType+"-plain/members", object{"email": w.email(who), "roles": []string{role}}).want(t, 201)
			columns = append(columns, column{w: w, account: customerType, caller: c, user: user})
		}
	}
	for _, row := range matrix {
		t.Run(row.action, func(t *testing.T) {
			cells := strings.Fields(row.cells)
			require.Len(t, cells, 3)
			for _, c := range columns {
				c.t = t
				letter := strings.ToUpper(c.letter())
				want := strings.Contains(cells[slices.Index(types, c.account)], letter)
				assert.Equal(t, want, row.try(c), "%s of a %s customer", letter, c.account)
			}
		})
	}
	t.Run("a key may what a technical user may", func(t *testing.T) {
		printed, err := say(t.Context(), "", gatehouse, "schema", "print")
		require.NoError(t, err)
		for _, c := range columns {
			if c.t = t; c.letter() != "t" {
				continue
			}
			key, plain := c.key("portal_technical_user"), c.key("")
			same := func(objectType, id string) {
				for _, permission := range permissionsOf(printed, objectType) {
					w.wantMayOn(t, objectType, id, permission, "api_key", key, c.asks(objectType, id, permission))
					w.wantMayOn(t, objectType, id, permission, "api_key", plain, false)
				}
			}
			same("customer_account", c.id())
			for _, kind := range kinds {
				same("service", c.service(kind, "direct"))
			}
			s.bothSay(t, c.account != "pure_sub", "service:"+c.service("access", "direct"), "apply_technical_changes", "api_key:"+key)
		}
	})
	t.Run("the reseller acts on what it resells", func(t *testing.T) {
		for _, customerType := range types[1:] {
			for user, may := range map[string]string{raes: "view delete resize apply_technical_changes", rays: "view apply_technical_changes", rios: "view"} {
				c := column{t: t, w: w, account: customerType, user: user}
				for _, permission := range []string{"view", "delete", "resize", "apply_technical_changes"} {
					assert.Equal(t, group(may).has(permission), c.mayWith(permission, "direct_cloud", "resold"), permission)
					assert.Equal(t, permission == "view", c.mayWith(permission, "direct_cloud", "direct"), "%s what it does not resell", permission)
				}
			}
			rae.delete(t, "/v1/services/"+w.name+"-"+customerType+"-virtual_pni-resold").want(t, 204)
		}
	})
}

// supply makes an account with a service of every kind and supply, before its
// contract becomes that of its type. A pure sub-customer had a contract of its own once.
func (w world) supply(t *testing.T, account, customerType, reseller string, resells caller) {
	t.Helper()

	plain := strings.HasSuffix(account, "-plain")
	before := object{"direct": true, "colocation": true, "partner_status": false}
	after := object{"direct": customerType != "pure_sub", "colocation": !plain, "partner_status": !plain}
	if customerType != "direct" {
		before["reseller"], after["reseller"] = reseller, reseller
	}
	_, path := w.account(t, account, before)
	orderer, _ := w.seat(t, path, "orderer-"+account, "portal_admin")
	for _, kind := range kinds {
		id := w.name + "-" + account + "-" + kind
		orderer.post(t, path+"/services", object{"id": id + "-direct", "kind": kind, "name": kind, "supply": "direct"}).want(t, 201)
		if customerType != "direct" && kind != "campus_fiber" {
			resells.post(t, path+"/services", object{"id": id + "-resold", "kind": kind, "name": kind, "supply": "resold"}).want(t, 201)
		}
	}
	got := w.server.operator(t).do(t, http.MethodPut, path+"/contract", after).want(t, 200)
	require.Equal(t, customerType, got.text(t, "customer_type"))
}

// plain is the same person on the account without colocation and partner status.
func (c column) plain() column {
	c.account += "-plain"
	return c
}

// letter is that of the role: who they are begins with it.
func (c column) letter() string {
	return c.caller.get(c.t, "/v1/me").text(c.t, "email")[:1]
}

func (c column) id() string   { return c.w.name + "-" + c.account }
func (c column) path() string { return "/v1/customer-accounts/" + c.id() }

func (c column) service(kind, supply string) string { return c.id() + "-" + kind + "-" + supply }

func (c column) order(kind, supply string) bool {
	return c.post(c.path()+"/services", object{"kind": kind, "name": "A", "supply": supply})
}

func (c column) addSubCustomer() bool {
	name := c.w.fresh()
	return c.post(c.path()+"/sub-customers", object{"name": name, "customer_number": name, "identifier": name})
}

// admin is one of the account who is in no column.
func (c column) admin() caller { return c.w.server.as(c.t, c.w.email("orderer-"+c.account)) }

// key is a new one of the account with a role, or none.
func (c column) key(role string) (id string) {
	body := object{"name": "A"}
	if role != "" {
		body["role"] = role
	}
	return c.admin().post(c.t, c.path()+"/api-keys", body).want(c.t, http.StatusCreated).text(c.t, "api_key", "id")
}

// get and post do something, and report whether it was allowed.
func (c column) get(path string) bool { return c.allowed(c.caller.get(c.t, path)) }

func (c column) post(path string, body any) bool { return c.allowed(c.caller.post(c.t, path, body)) }

func (c column) allowed(a answer) bool {
	if a.status != http.StatusForbidden && a.status != http.StatusNotFound {
		require.Less(c.t, a.status, 300, "%s", a.body)
		return true
	}
	return false
}

func (c column) may(permission string) bool { return c.asks("customer_account", c.id(), permission) }

func (c column) mayWith(permission, kind, supply string) bool {
	return c.asks("service", c.service(kind, supply), permission)
}

func (c column) asks(resourceType, id, permission string) bool {
	return c.w.server.operator(c.t).post(c.t, "/v1/check", question(resourceType, id, permission, object{"type": "user", "id": c.user})).
		want(c.t, http.StatusOK).at(c.t, "allowed") == true
}
