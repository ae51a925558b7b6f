package integration

import "strings"

// Who may do what to whom: domain §2 and §3 as one table, which is tried out in full.

// group names holders of roles by their role, separated by spaces.
type group string

func (g group) has(holder string) bool {
	for member := range strings.FieldsSeq(string(g)) {
		if member == holder {
			return true
		}
	}
	return false
}

// Holders have one role each, on an object of a world and so on what lies beneath it. Besides them there are
//
//	cockpit_admin    customer_admin and cockpit_access: either alone administers nothing
//	reseller_admin   portal_admin of the account that resells to the world's
//	stranger         signed in, without any role
//	former           had every role that ends, until each was ended or they were removed
const (
	platformRoles = "operator support"
	siteRoles     = "partner_admin client_admin project_admin project_member"
	cockpitRoles  = "customer_admin cockpit_access technical_contact cockpit_admin"
	portalRoles   = "portal_admin portal_technical_user portal_read_only_user"
	instanceRoles = "company_admin instance_member"
	shareRoles    = "inventory_writer inventory_reader customer_care_writer customer_care_reader"

	everyone group = platformRoles + " " + siteRoles + " " + cockpitRoles + " " + portalRoles + " " + instanceRoles + " " + shareRoles + " reseller_admin stranger former"
)

// readers may know that an object exists. To anyone else it does not.
var readers = map[string]group{
	"platform":         everyone, // there is one, as everybody knows
	"partner":          "operator support partner_admin",
	"client":           "operator support partner_admin client_admin",
	"project":          "operator support " + siteRoles,
	"customer_account": "operator support reseller_admin " + cockpitRoles + " " + portalRoles,
	"instance":         "operator company_admin instance_member",
}

// right is a permission and who has it.
type right struct {
	permission string
	holders    group
}

// see is the right to an object's name.
func see(objectType string) right {
	if objectType == "platform" {
		return right{"read", "operator support"}
	}
	return right{"read", readers[objectType]}
}

var (
	operate = right{"operate", "operator"}
	assist  = right{"assist", "operator support"}

	addPartnerAdmin    = right{"add_partner_admin", "operator partner_admin"}
	removePartnerAdmin = right{"remove_partner_admin", "partner_admin"}
	addClient          = right{"add_client", "partner_admin"}

	addClientAdmin = right{"add_client_admin", "operator support partner_admin client_admin"}
	addProject     = right{"add_project", "partner_admin client_admin"}

	cockpit = right{"manage_cockpit_roles", "operator support cockpit_admin"}
	portal  = right{"manage_portal_roles", "operator support portal_admin"}
)

// people is the right to see who has roles on an object.
var people = map[string]right{
	"platform":         assist,
	"partner":          {"manage_people", "operator support partner_admin"},
	"client":           {"manage_people", "operator support partner_admin client_admin"},
	"project":          {"manage_people", "operator support partner_admin client_admin project_admin"},
	"customer_account": {"manage_contacts", "operator support cockpit_admin portal_admin"},
	"instance":         {"manage_people", "operator company_admin"},
}

// catalogue lists the roles that people are given and invited to: by whom, and by
// whom they are taken.
var catalogue = []struct {
	role, objectType string
	give, take       right
}{
	{"support", "platform", operate, operate},
	{"partner_admin", "partner", addPartnerAdmin, removePartnerAdmin},
	{"client_admin", "client", addClientAdmin, addClientAdmin},
	{"project_admin", "project", people["project"], people["project"]},
	{"project_member", "project", people["project"], people["project"]},
	{"customer_admin", "customer_account", cockpit, cockpit},
	{"cockpit_access", "customer_account", cockpit, cockpit},
	{"technical_contact", "customer_account", cockpit, cockpit},
	{"portal_admin", "customer_account", portal, portal},
	{"portal_technical_user", "customer_account", portal, portal},
	{"portal_read_only_user", "customer_account", portal, portal},
	{"company_admin", "instance", people["instance"], people["instance"]},
	{"instance_member", "instance", people["instance"], people["instance"]},
}

// rule says who may do one thing to an object of a type.
type rule struct {
	operation  string // as the contract calls it
	objectType string
	role       string // that is given or taken, if any
	right      right
	gate       right // asked for before it, if any
	status     int   // of success
	hidden     bool  // from whoever may not do it
	open       bool  // to nobody, too
	visible    bool  // that there is something to be refused: AuthZEN knows no 404
}

func (r rule) String() string {
	return strings.Join(strings.Fields(r.operation+" "+r.objectType+" "+r.role), " ")
}

// rules covers every operation of the contract.
func rules() []rule {
	signedIn := right{holders: everyone}
	all := []rule{
		{operation: "getMe", objectType: "platform", right: signedIn, status: 200},
		{operation: "changeMe", objectType: "platform", right: signedIn, status: 200},
		{operation: "listMails", objectType: "platform", right: operate, status: 200},
		{operation: "announce", objectType: "customer_account", right: assist, status: 201},
		{operation: "listApplications", objectType: "platform", right: operate, status: 200},
		{operation: "createApplication", objectType: "platform", right: operate, status: 201},
		{operation: "createApplicationKey", objectType: "platform", right: operate, status: 201},
		{operation: "revokeApplicationKey", objectType: "platform", right: operate, status: 204},
		{operation: "revokeApplication", objectType: "platform", right: operate, status: 204},
		{operation: "createPartner", objectType: "platform", right: operate, status: 201},
		{operation: "createCustomerAccount", objectType: "platform", right: operate, status: 201},
		{operation: "createInstance", objectType: "platform", right: operate, status: 201},
		{operation: "createClient", objectType: "partner", right: addClient, status: 201},
		{operation: "createProject", objectType: "client", right: addProject, status: 201},
		{operation: "readPartner", objectType: "partner", right: see("partner"), status: 200},
		{operation: "readClient", objectType: "client", right: see("client"), status: 200},
		{operation: "listClients", objectType: "partner", right: see("partner"), status: 200},
		{operation: "listProjects", objectType: "client", right: see("client"), status: 200},
		{operation: "lookupResources", objectType: "platform", right: operate, status: 200}, // of others
		{operation: "searchResources", objectType: "platform", right: operate, status: 200}, // of others
		{operation: "describeDecisionPoint", objectType: "platform", right: signedIn, status: 200, open: true},
	}
	all = append(all, sharingRules()...)
	all = append(all, customerRules()...)
	all = append(all, belongingRules()...)
	all = append(all, listingRules()...)
	for objectType, manage := range people {
		asking := right{manage.permission, manage.holders + " operator"} // about others
		all = append(all,
			rule{operation: "listObjects", objectType: objectType, right: signedIn, status: 200},
			rule{operation: "readObject", objectType: objectType, right: see(objectType), status: 200},
			rule{operation: "listMembers", objectType: objectType, right: manage, status: 200},
			rule{operation: "listInvitations", objectType: objectType, right: manage, status: 200},
			rule{operation: "check", objectType: objectType, right: asking, status: 200},
			rule{operation: "checkBulk", objectType: objectType, right: asking, status: 200},
			rule{operation: "explain", objectType: objectType, right: asking, status: 200},
			rule{operation: "lookupSubjects", objectType: objectType, right: asking, status: 200},
			rule{operation: "evaluate", objectType: objectType, right: asking, status: 200, visible: true},
			rule{operation: "evaluateMany", objectType: objectType, right: asking, status: 200, visible: true},
			rule{operation: "searchSubjects", objectType: objectType, right: asking, status: 200, visible: true},
			rule{operation: "searchActions", objectType: objectType, right: asking, status: 200, visible: true},
			rule{operation: "listAuditEvents", objectType: objectType, right: asking, status: 200},
		)
	}
	for _, r := range catalogue {
		all = append(all,
			rule{operation: "addMember", objectType: r.objectType, role: r.role, right: r.give, status: 201},
			rule{operation: "endRole", objectType: r.objectType, role: r.role, right: r.take, status: 204},
			rule{operation: "removeMember", objectType: r.objectType, role: r.role, gate: people[r.objectType], right: r.take, status: 204},
			rule{operation: "invite", objectType: r.objectType, role: r.role, right: r.give, status: 201},
			rule{operation: "acceptInvitation", objectType: r.objectType, role: r.role, right: right{}}, // nobody but the invited
			rule{operation: "resendInvitation", objectType: r.objectType, role: r.role, right: r.give, status: 201, hidden: true},
			rule{operation: "revokeInvitation", objectType: r.objectType, role: r.role, right: r.give, status: 204, hidden: true},
		)
	}
	for _, r := range catalogue {
		if r.objectType != "platform" { // which has one role, that does not end
			all = append(all, rule{operation: "changeRoles", objectType: r.objectType, role: r.role, gate: people[r.objectType], right: r.take, status: 200})
		}
	}
	return all
}

// verdict is what a holder of a role must hear.
type verdict struct {
	status     int
	code       string
	permission string
}

// verdict follows the rule for somebody whose role is on an object of the same
// world, or of another.
func (r rule) verdict(holder string, sameWorld bool) verdict {
	everywhere := group(platformRoles).has(holder) || r.objectType == "platform"
	switch reached := sameWorld || everywhere; {
	case holder == "nobody" && r.open:
		return verdict{status: r.status}
	case holder == "nobody":
		return verdict{401, "unauthenticated", ""}
	case r.operation == "acceptInvitation":
		return verdict{403, "email_mismatch", ""}
	case r.operation == "listObjects", reached && r.right.holders.has(holder):
		return verdict{status: r.status}
	case r.visible, reached && !r.hidden && (readers[r.objectType] + " " + belongingReaders[r.objectType]).has(holder):
		if r.gate.permission != "" && !r.gate.holders.has(holder) {
			return verdict{403, "forbidden", r.gate.permission}
		}
		return verdict{403, "forbidden", r.right.permission}
	default:
		return verdict{404, "not_found", ""}
	}
}
