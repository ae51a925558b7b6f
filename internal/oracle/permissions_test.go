package oracle_test

import (
	"fmt"
	"slices"
	"strings"
)

// may says whether somebody has a permission, as domain.md §2 reads.
func (f *facts) may(who, permission, on string) bool {
	holds := func(roleID string) bool { return f.holds(who, roleID, on) }
	also := func(permission string) bool { return f.may(who, permission, on) }
	above := func(permission string) bool { return f.may(who, permission, f.parent[on]) }
	staff := func(permission string) bool { return f.may(who, permission, platform) }

	switch kind(on) + " " + permission {
	case "user manage_profile":
		return on == "user:"+who

	case "platform operate":
		return holds("operator")
	case "platform assist", "platform read":
		return holds("operator") || holds("support")
	case "platform check", "platform lookup", "platform explain", "platform read_audit", "platform grpc_read", "platform grpc_write":
		return false // scopes of applications: nobody here is one

	case "partner is_removed":
		_, removed := f.removed[removal{who, on}]
		return removed
	case "partner administer", "partner remove_partner_admin", "partner add_client":
		return holds("partner_admin") && !also("is_removed")
	case "partner add_partner_admin":
		return also("administer") || staff("operate")
	case "partner manage_people", "partner read":
		return also("administer") || staff("assist")

	case "client is_removed", "project is_removed":
		return above("is_removed")
	case "client administer", "client add_project":
		return holds("client_admin") && !also("is_removed") || above("administer")
	case "client manage_people", "client add_client_admin", "client read":
		return also("administer") || above("manage_people")
	case "project administer":
		return holds("project_admin") && !also("is_removed") || above("administer")
	case "project view":
		return holds("project_member") && !also("is_removed") || also("administer")
	case "project manage_people":
		return also("administer") || above("manage_people")
	case "project read":
		return also("view") || also("manage_people")

	case "api_key read", "api_key delete":
		return above("manage_api_keys")
	case "resource use":
		return above("use_resources")
	case "resource delete":
		return above("manage_resources")
	case "resource read":
		return also("use") || also("delete")
	}
	switch kind(on) {
	case "customer_account":
		return f.mayAtCustomer(who, permission, on)
	case "service":
		return f.mayAtService(who, permission, on)
	case "instance":
		return f.mayAtInstance(who, permission, on)
	case "invitation":
		return f.mayAtInvitation(who, permission, on)
	}
	panic(fmt.Sprintf("the domain knows no permission %s of %s", permission, on))
}

func (f *facts) mayAtCustomer(who, permission, account string) bool {
	holds := func(roleID string) bool { return f.holds(who, roleID, account) }
	also := func(permission string) bool { return f.may(who, permission, account) }
	staff := func(permission string) bool { return f.may(who, permission, platform) }
	agreed := f.contracts[account]
	reseller := func(permission string) bool {
		return agreed.reseller != "" && f.may(who, permission, agreed.reseller)
	}

	switch permission {
	case "access_cockpit", "use_resources":
		return holds("cockpit_access")
	case "receive_technical_information":
		return holds("technical_contact")
	case "cockpit_administer":
		return holds("customer_admin") && holds("cockpit_access")
	case "create_ticket":
		return holds("technical_contact") || also("cockpit_administer")
	case "receive_important_information":
		return holds("customer_admin") || holds("portal_admin")
	case "administer", "view_invoices", "manage_addresses":
		return also("cockpit_administer") || holds("portal_admin")
	case "manage_contacts":
		return also("administer") || staff("assist")
	case "configure_contract":
		return staff("operate")
	case "manage_resources":
		return also("configure_contract") || also("administer")
	case "manage_cockpit_roles":
		return also("cockpit_administer") || staff("assist")
	case "manage_portal_roles":
		return holds("portal_admin") || staff("assist")
	case "appoint_first_portal_admin":
		return agreed.reseller != "" && f.holds(who, "portal_admin", agreed.reseller)
	case "use_portal", "view_insights", "use_tools":
		return holds("portal_admin") || holds("portal_technical_user") || holds("portal_read_only_user")
	case "manage_api_keys":
		return holds("portal_admin")
	case "order_service":
		return holds("portal_admin") && agreed.direct
	case "provision_service":
		return also("order_service") || reseller("order_service")
	case "order_campus_fiber":
		return also("order_service") && agreed.colocation
	case "apply_technical_changes":
		return (holds("portal_admin") || holds("portal_technical_user")) && agreed.direct
	case "view_partner_section":
		return also("use_portal") && agreed.partnerStatus
	case "add_sub_customer":
		return holds("portal_admin") && agreed.partnerStatus
	case "view_colocation":
		return also("use_portal") && agreed.colocation
	case "resell_view":
		return reseller("use_portal")
	case "resell_order":
		return reseller("order_service")
	case "resell_apply":
		return reseller("apply_technical_changes")
	case "read": // whoever has a role here, staff, and the reseller's people
		return slices.ContainsFunc(memberRoles(account), holds) || staff("assist") || reseller("use_portal")
	}
	panic(fmt.Sprintf("the domain knows no permission %s of %s", permission, account))
}

func (f *facts) mayAtService(who, permission, on string) bool {
	consumer := func(permission string) bool { return f.may(who, permission, f.parent[on]) }
	sold := f.services[on]
	is := func(kinds ...string) bool { return slices.Contains(kinds, sold.kind) }
	colocationOnly := is("campus_fiber")
	pays := func(direct, resold string) bool {
		return !sold.resold && consumer(direct) || sold.resold && consumer(resold)
	}

	switch permission {
	case "view", "read":
		return !colocationOnly && (consumer("use_portal") || consumer("resell_view")) || colocationOnly && consumer("view_colocation")
	case "commercial":
		return pays("order_service", "resell_order")
	case "delete":
		return pays("order_service", "resell_order") && is("cloud_router", "virtual_pni", "direct_cloud")
	case "resize":
		return pays("order_service", "resell_order") && is("direct_cloud", "globe_peer")
	case "apply_technical_changes":
		return pays("apply_technical_changes", "resell_apply")
	}
	panic(fmt.Sprintf("the domain knows no permission %s of %s", permission, on))
}

func (f *facts) mayAtInstance(who, permission, on string) bool {
	also := func(permission string) bool { return f.may(who, permission, on) }
	admin := f.holds(who, "company_admin", on)
	belongs := func(instance string) bool {
		return f.holds(who, "company_admin", instance) || f.holds(who, "instance_member", instance)
	}
	guest := f.shareable[on] && slices.ContainsFunc(f.allowed[on], belongs)
	shares := func(roleID string) bool { return guest && f.holds(who, roleID, on) }

	switch permission {
	case "affiliated":
		return belongs(on)
	case "guest":
		return guest
	case "edit_inventory":
		return belongs(on) || shares("inventory_writer")
	case "view_inventory":
		return also("edit_inventory") || shares("inventory_reader")
	case "edit_customer_care":
		return belongs(on) || shares("customer_care_writer")
	case "view_customer_care":
		return also("edit_customer_care") || shares("customer_care_reader")
	case "open_cockpit":
		return also("view_inventory") || also("view_customer_care")
	case "grant_share":
		return admin && f.shareable[on]
	case "manage_shares":
		return admin
	case "configure_sharing":
		return f.may(who, "operate", platform)
	case "manage_people":
		return admin || f.may(who, "operate", platform)
	case "read": // its own people, those it may share with, and operators
		return belongs(on) || guest || also("manage_people")
	}
	panic(fmt.Sprintf("the domain knows no permission %s of %s", permission, on))
}

func (f *facts) mayAtInvitation(who, permission, on string) bool {
	i := f.invitation(on)
	switch permission {
	case "accept":
		return who == i.who && i.statusAt(f.now) == "pending"
	case "revoke":
		return who == i.by || i.standsAt(f.now) && slices.ContainsFunc(i.roles, func(r role) bool { return f.may(who, r.givenBy, i.on) })
	case "read":
		return f.may(who, "accept", on) || f.may(who, "revoke", on)
	}
	panic(fmt.Sprintf("the domain knows no permission %s of %s", permission, on))
}

// sees says whether somebody may see the people of an object.
func (f *facts) sees(who, on string) bool {
	switch kind(on) {
	case "platform":
		return f.may(who, "assist", on)
	case "customer_account":
		return f.may(who, "manage_contacts", on)
	}
	return f.may(who, "manage_people", on)
}

// require refuses whom a permission is missing.
func (f *facts) require(who, on string, permissions ...string) error {
	for _, permission := range permissions {
		if !f.may(who, permission, on) {
			return refusal("forbidden")
		}
	}
	return nil
}

func isKey(who string) bool { return strings.HasPrefix(who, "api_key:") }
