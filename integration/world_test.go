package integration

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// world is a small one of each product: a site with a client and a project, a
// customer account and an instance, each with an admin who may do whatever its
// people may.
type world struct {
	server *server
	name   string
}

// collections are where objects of each type live.
var collections = map[string]string{
	"platform":         "platforms",
	"partner":          "partners",
	"client":           "clients",
	"project":          "projects",
	"customer_account": "customer-accounts",
	"instance":         "instances",
}

// build makes a world. Its name, with a number that no other has, begins the ids
// of its objects.
func build(t *testing.T, s *server, name string) world {
	t.Helper()

	w, operator := empty(s, name), s.operator(t)
	operator.post(t, "/v1/partners", object{"id": w.id("partner"), "name": name}).want(t, http.StatusCreated)
	operator.post(t, "/v1/customer-accounts", object{
		"id": w.id("customer_account"), "name": name, "customer_number": w.name, "identifier": w.name,
		"contract": object{"direct": true, "colocation": true, "partner_status": true},
	}).want(t, http.StatusCreated)
	operator.post(t, "/v1/instances", object{"id": w.id("instance"), "name": name}).want(t, http.StatusCreated)
	w.add(t, "partner", w.email("admin"), "partner_admin")
	w.add(t, "customer_account", w.email("admin"), "customer_admin", "cockpit_access", "portal_admin")
	w.add(t, "instance", w.email("admin"), "company_admin")

	admin := s.as(t, w.email("admin"))
	admin.post(t, w.path("partner")+"/clients", object{"id": w.id("client"), "name": name}).want(t, http.StatusCreated)
	admin.post(t, w.path("client")+"/projects", object{"id": w.id("project"), "name": name}).want(t, http.StatusCreated)
	return w
}

// empty is a world in which nothing exists yet.
func empty(s *server, name string) world {
	return world{s, fmt.Sprintf("%s-%d", name, made.Add(1))}
}

// id is that of the world's object of a type. There is but one platform.
func (w world) id(objectType string) string {
	if objectType == "platform" {
		return "gatehouse"
	}
	return w.name + "-" + collections[objectType]
}

func (w world) path(objectType string) string {
	return "/v1/" + collections[objectType] + "/" + w.id(objectType)
}

// email is the address of somebody who belongs to the world.
func (w world) email(who string) string { return who + "@" + w.name + ".example" }

// admin is who administers the world's object of a type.
func (w world) admin(t *testing.T, objectType string) caller {
	t.Helper()

	if objectType == "platform" {
		return w.server.operator(t)
	}
	return w.server.as(t, w.email("admin"))
}

// named is somebody as they are added to any object: with both names, and the
// e-mail typed twice.
func named(email string, roles ...string) object {
	body := object{"email": email, "email_confirmation": email, "given_name": "Kim", "family_name": "Doe"}
	if len(roles) > 0 {
		body["roles"] = roles
	}
	return body
}

// add lets an operator give somebody roles, and returns the person's id.
func (w world) add(t *testing.T, objectType, email string, roles ...string) string {
	t.Helper()

	a := w.server.operator(t).post(t, w.path(objectType)+"/members", named(email, roles...))
	if a.status != http.StatusOK {
		a.want(t, http.StatusCreated)
	}
	return a.text(t, "user", "id")
}

var made atomic.Int64

// fresh is a name that nothing and nobody has yet.
func (w world) fresh() string { return fmt.Sprintf("%s-%d", w.name, made.Add(1)) }

// almighty is the world's admin as an operator, who is forbidden nothing.
func (w world) almighty(t *testing.T) caller {
	t.Helper()

	c := caller{w.server, w.server.mint(t, "--email", w.email("admin"), "--operator")}
	c.get(t, "/v1/me").want(t, http.StatusOK) // which is when they become an operator
	return c
}
