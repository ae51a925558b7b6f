// Package roles is the role catalogue: the one table that grants, invitations,
// listings and their tests are driven by, and the table of object kinds beside it.
package roles

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Way is how a role comes to a person.
type Way int

// The ways.
const (
	Membership    Way = iota // added or invited to the object
	Sharing                  // shared by an instance's company admin
	Configuration            // named in the server's configuration
)

// Role is a row of the catalogue: what giving it to a person writes, and who may.
type Role struct {
	ID       string // unique over all objects
	Name     string // as people read it
	Object   string // the type of object it is a role on
	Relation string
	Rank     int    // a higher rank of the same rivalry covers a lower; 0: no order
	Rivalry  string // a person holds at most one role of a rivalry on one object
	Way      Way
	GivenBy  string // permission on the object that allows giving the role
	TakenBy  string // … and taking it
	MayEnd   bool   // may be given until a date
	Default  bool   // given when no role is named
	Keys     bool   // given to API keys, too
	NotOwn   bool   // nobody takes it from themself
}

// Catalogue lists every role there is (domain rows NINE-3, NEZ-4, DCX-1, C9-1, C9-3).
var Catalogue = []Role{
	{ID: "operator", Name: "Operator", Object: access.TypePlatform, Relation: "operator", Way: Configuration, GivenBy: "operate", TakenBy: "operate"},
	{ID: "support", Name: "Support", Object: access.TypePlatform, Relation: "support", GivenBy: "operate", TakenBy: "operate"},

	{ID: "partner_admin", Name: "Partner Admin", Object: access.TypePartner, Relation: "admin", Rank: 40, GivenBy: "add_partner_admin", TakenBy: "remove_partner_admin", MayEnd: true, NotOwn: true},
	{ID: "client_admin", Name: "Client Admin", Object: access.TypeClient, Relation: "admin", Rank: 30, GivenBy: "add_client_admin", TakenBy: "add_client_admin", MayEnd: true},
	{ID: "project_admin", Name: "Project Admin", Object: access.TypeProject, Relation: "admin", Rank: 20, Rivalry: "project", GivenBy: "manage_people", TakenBy: "manage_people", MayEnd: true},
	{ID: "project_member", Name: "Project User", Object: access.TypeProject, Relation: "member", Rank: 10, Rivalry: "project", GivenBy: "manage_people", TakenBy: "manage_people", MayEnd: true, Default: true},

	{ID: "customer_admin", Name: "Customer Admin", Object: access.TypeCustomerAccount, Relation: "customer_admin", GivenBy: "manage_cockpit_roles", TakenBy: "manage_cockpit_roles", MayEnd: true},
	{ID: "cockpit_access", Name: "Cockpit Access", Object: access.TypeCustomerAccount, Relation: "cockpit_access", GivenBy: "manage_cockpit_roles", TakenBy: "manage_cockpit_roles", MayEnd: true},
	{ID: "technical_contact", Name: "Technical Contact", Object: access.TypeCustomerAccount, Relation: "technical_contact", GivenBy: "manage_cockpit_roles", TakenBy: "manage_cockpit_roles", MayEnd: true},

	{ID: "portal_admin", Name: "Portal Admin", Object: access.TypeCustomerAccount, Relation: "portal_admin", Rank: 30, Rivalry: "portal", GivenBy: "manage_portal_roles", TakenBy: "manage_portal_roles", MayEnd: true},
	{ID: "portal_technical_user", Name: "Portal Technical User", Object: access.TypeCustomerAccount, Relation: "portal_technical_user", Rank: 20, Rivalry: "portal", GivenBy: "manage_portal_roles", TakenBy: "manage_portal_roles", MayEnd: true, Keys: true},
	{ID: "portal_read_only_user", Name: "Portal Read-only User", Object: access.TypeCustomerAccount, Relation: "portal_read_only_user", Rank: 10, Rivalry: "portal", GivenBy: "manage_portal_roles", TakenBy: "manage_portal_roles", MayEnd: true},

	{ID: "company_admin", Name: "Company Admin", Object: access.TypeInstance, Relation: "company_admin", GivenBy: "manage_people", TakenBy: "manage_people"},
	{ID: "instance_member", Name: "Member", Object: access.TypeInstance, Relation: "member", GivenBy: "manage_people", TakenBy: "manage_people"},

	{ID: "inventory_writer", Name: "Inventory, write", Object: access.TypeInstance, Relation: "inventory_writer", Rank: 20, Rivalry: "inventory", Way: Sharing, GivenBy: "grant_share", TakenBy: "manage_shares", MayEnd: true},
	{ID: "inventory_reader", Name: "Inventory, read", Object: access.TypeInstance, Relation: "inventory_reader", Rank: 10, Rivalry: "inventory", Way: Sharing, GivenBy: "grant_share", TakenBy: "manage_shares", MayEnd: true},
	{ID: "customer_care_writer", Name: "Customer care, write", Object: access.TypeInstance, Relation: "customer_care_writer", Rank: 20, Rivalry: "customer_care", Way: Sharing, GivenBy: "grant_share", TakenBy: "manage_shares", MayEnd: true},
	{ID: "customer_care_reader", Name: "Customer care, read", Object: access.TypeInstance, Relation: "customer_care_reader", Rank: 10, Rivalry: "customer_care", Way: Sharing, GivenBy: "grant_share", TakenBy: "manage_shares", MayEnd: true},
}

// Powers lists, by type of object, the sets of relations that together make
// somebody its admin; such an object carries admin_version. One that has such an admin keeps one for whom every
// relation of the set is permanent (domain §4, last-admin guard).
var Powers = map[string][][]string{
	access.TypePartner:         {{"admin"}},
	access.TypeCustomerAccount: {{"customer_admin", "cockpit_access"}, {"portal_admin"}},
	access.TypeInstance:        {{"company_admin"}},
}

// On lists the roles there are on a type of object, in catalogue order.
func On(objectType string) []Role {
	var found []Role
	for _, r := range Catalogue {
		if r.Object == objectType {
			found = append(found, r)
		}
	}
	return found
}

// Rivals reports whether a person may hold only one of the two on one object.
func (r Role) Rivals(other Role) bool {
	return r.ID != other.ID && r.Object == other.Object && r.Rivalry != "" && r.Rivalry == other.Rivalry
}

// Offer is the relation by which an invitation offers the role.
func (r Role) Offer() string { return "offers_" + r.ID }

// For is the relationship that gives the role on an object to a person.
func (r Role) For(object, person access.Object) access.Relationship {
	return access.Relate(object, r.Relation, person)
}

// Find returns the role with this id on a type of object.
// Errors: Invalid (unknown_role).
func Find(objectType, id string) (Role, error) {
	i := slices.IndexFunc(Catalogue, func(r Role) bool { return r.Object == objectType && r.ID == id })
	if i < 0 {
		return Role{}, access.Fail(access.Invalid, "unknown_role", "there is no role %q on a %s", access.Clip(id), objectType)
	}
	return Catalogue[i], nil
}

// Member returns the role with this id, if it is one that members of such an
// object are given and lose one by one.
// Errors: Invalid (unknown_role).
func Member(objectType, id string) (Role, error) {
	r, err := Find(objectType, id)
	if err == nil && r.Way != Membership {
		err = access.Fail(access.Invalid, "unknown_role", "the role %q is not given to members", id)
	}
	return r, err
}

// maxRoles bounds how many roles are named at once.
const maxRoles = 20

// Members returns the roles with these ids as they may be added or invited to
// together; without ids, the default role of the type.
// Errors: Invalid (unknown_role, role_required, exclusive_roles, too_many_roles).
func Members(objectType string, ids []string) ([]Role, error) {
	if len(ids) == 0 {
		for _, r := range On(objectType) {
			if r.Default {
				return []Role{r}, nil
			}
		}
		return nil, access.Fail(access.Invalid, "role_required", "name at least one role")
	}
	if len(ids) > maxRoles {
		return nil, access.Fail(access.Invalid, "too_many_roles", "name at most %d roles", maxRoles)
	}
	var found []Role
	for _, id := range ids {
		r, err := Member(objectType, id)
		if err != nil {
			return nil, err
		}
		for _, earlier := range found {
			if r.Rivals(earlier) {
				return nil, access.Fail(access.Invalid, "exclusive_roles", "nobody holds both %q and %q on one %s", earlier.ID, r.ID, objectType)
			}
		}
		if !slices.ContainsFunc(found, func(f Role) bool { return f.ID == r.ID }) {
			found = append(found, r)
		}
	}
	return found, nil
}
