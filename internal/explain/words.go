package explain

import (
	"fmt"
	"strings"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// permissions is what a subject may do who has one, %s being the object. What is
// rather a state than a deed has both its forms.
var permissions = map[string]map[string]string{
	access.TypeUser: {"manage_profile": "manage the profile of %s"},
	access.TypeAPIKey: {
		"read":   "see %s",
		"delete": "delete %s",
	},
	access.TypeApplication: {
		"read":         "see %s",
		"authenticate": "act as %s",
	},
	access.TypePlatform: {
		"read":    "see the staff of %s",
		"operate": "operate %s",
		"assist":  "assist the customers of %s",

		"check":      "ask for answers of %s",
		"lookup":     "ask for lists of %s",
		"explain":    "ask for the reasons of %s",
		"read_audit": "read the audit of %s",
		"grpc_read":  "read all relationships of %s",
		"grpc_write": "write all relationships of %s",
	},
	access.TypePartner: {
		"read":                 "see %s",
		"is_removed":           "was removed from %s|was not removed from %s",
		"administer":           "administer %s",
		"manage_people":        "manage the people of %s",
		"add_partner_admin":    "add admins to %s",
		"remove_partner_admin": "remove admins from %s",
		"add_client":           "add clients to %s",
	},
	access.TypeClient: {
		"read":             "see %s",
		"is_removed":       "was removed from the site of %s|was not removed from the site of %s",
		"administer":       "administer %s",
		"manage_people":    "manage the people of %s",
		"add_client_admin": "add admins to %s",
		"add_project":      "add projects to %s",
	},
	access.TypeProject: {
		"read":          "see %s",
		"is_removed":    "was removed from the site of %s|was not removed from the site of %s",
		"administer":    "administer %s",
		"view":          "view %s",
		"manage_people": "manage the people of %s",
	},
	access.TypeCustomerAccount: {
		"read":                          "see %s",
		"administer":                    "administer %s",
		"manage_contacts":               "manage the contacts of %s",
		"manage_addresses":              "manage the addresses of %s",
		"view_invoices":                 "view the invoices of %s",
		"receive_important_information": "receive important information about %s",
		"configure_contract":            "configure the contract of %s",
		"manage_resources":              "manage the resources of %s",
		"access_cockpit":                "open the cockpit of %s",
		"use_resources":                 "use the resources of %s",
		"cockpit_administer":            "administer the cockpit of %s",
		"manage_cockpit_roles":          "manage the cockpit roles of %s",
		"create_ticket":                 "create tickets for %s",
		"receive_technical_information": "receive technical information about %s",
		"use_portal":                    "use the portal of %s",
		"view_insights":                 "view the insights of %s",
		"use_tools":                     "use the tools of %s",
		"manage_portal_roles":           "manage the portal roles of %s",
		"appoint_first_portal_admin":    "appoint the first portal admin of %s",
		"manage_api_keys":               "manage the API keys of %s",
		"order_service":                 "order services for %s",
		"provision_service":             "provide %s with services",
		"order_campus_fiber":            "order CampusFIBER for %s",
		"view_colocation":               "view the colocation of %s",
		"apply_technical_changes":       "apply technical changes for %s",
		"view_partner_section":          "view the partner section of %s",
		"add_sub_customer":              "add sub-customers to %s",
		"resell_view":                   "view what is resold to %s",
		"resell_order":                  "order what is resold to %s",
		"resell_apply":                  "apply technical changes to what is resold to %s",
	},
	access.TypeResource: {
		"read":   "see %s",
		"use":    "use %s",
		"delete": "delete %s",
	},
	access.TypeService: {
		"read":                    "see %s",
		"view":                    "view %s",
		"commercial":              "decide about %s",
		"delete":                  "delete %s",
		"resize":                  "upgrade and downgrade %s",
		"apply_technical_changes": "apply technical changes to %s",
	},
	access.TypeInstance: {
		"read":               "see %s",
		"affiliated":         "belongs to %s|does not belong to %s",
		"guest":              "is a guest of %s|is not a guest of %s",
		"open_cockpit":       "open the cockpit of %s",
		"view_inventory":     "view the inventory of %s",
		"edit_inventory":     "edit the inventory of %s",
		"view_customer_care": "view the customer care of %s",
		"edit_customer_care": "edit the customer care of %s",
		"grant_share":        "share the cockpit of %s",
		"manage_shares":      "manage the shares of %s",
		"manage_people":      "manage the people of %s",
		"configure_sharing":  "configure the sharing of %s",
	},
	access.TypeInvitation: {
		"read":   "see %s",
		"accept": "accept %s",
		"revoke": "revoke %s",
	},
}

// missing is what is the matter when a relation other than a role is not there: a
// flag that is off, or no object to go on from. %[1]s is the object, %[2]s the subject.
var missing = map[string]map[string]string{
	access.TypeCustomerAccount: {
		"direct_contract": "%[1]s has no direct contract",
		"colocation":      "%[1]s is not a colocation customer",
		"partner_status":  "%[1]s has no partner status",
		"reseller":        "%[1]s has no reseller",
	},
	access.TypeService: {
		"direct":          "%[1]s was not bought directly",
		"resold":          "%[1]s is not resold",
		"deletable":       "%[1]s is of a kind that cannot be deleted",
		"resizable":       "%[1]s is of a kind that cannot be upgraded or downgraded",
		"general":         "%[1]s is for colocation customers only",
		"colocation_only": "%[1]s is not only for colocation customers",
	},
	access.TypeInstance: {
		"shareable_cockpit": "sharing of %[1]s is switched off",
		"allowed":           "no instance that %[2]s belongs to is on the allow-list of %[1]s",
	},
	access.TypeInvitation: {
		"invitee": "%[1]s is not pending for %[2]s",
		"inviter": "%[1]s was not made by %[2]s",
	},
}

// marks are relations to a person that take something away.
var marks = map[string]map[string]string{
	access.TypePartner: {"removed": "%s was removed from %s", "removing": "%s is being removed from %s"},
}

// decisive are arrows whose absence says more than what they lead to.
var decisive = map[string][]string{access.TypeInstance: {"allowed"}}

// discreet are relations that not everybody who may see an object may see.
var discreet = map[string][]string{access.TypeInstance: {"allowed", "shareable_cockpit"}}

// may says that somebody has a permission, or not.
func may(who, what string, allowed bool, object string) string {
	yes, no, state := strings.Cut(what, "|")
	switch {
	case !state && allowed:
		yes = "may " + yes
	case !state:
		yes = "may not " + yes
	case !allowed:
		yes = no
	}
	return who + " " + fmt.Sprintf(yes, object)
}

// being says what somebody is who has a role on an object.
func being(r roles.Role, verbs verbs, object string) string {
	switch {
	case r.Way == roles.Sharing:
		return fmt.Sprintf("%s the share “%s” of %s", verbs.has, r.Name, object)
	case r.ID == "cockpit_access":
		return fmt.Sprintf("%s %s to %s", verbs.has, r.Name, object)
	}
	return fmt.Sprintf("%s %s of %s", verbs.is, r.Name, object)
}

// verbs are the forms of a tense: a role is something one has, or is.
type verbs struct{ has, is string }

var (
	now   = verbs{"has", "is"}
	once  = verbs{"had", "was"}
	never = verbs{"lacks", "is not"}
)

// types are what kinds of object are called.
var types = map[string]string{
	access.TypeCustomerAccount: "customer account",
	access.TypeAPIKey:          "API key",
	access.TypeApplicationKey:  "key",
}

func typeName(objectType string) string {
	if name, ok := types[objectType]; ok {
		return name
	}
	return strings.ReplaceAll(objectType, "_", " ")
}

// oneOf is what some object of a type is called. There is one platform.
func oneOf(objectType string) string {
	word := typeName(objectType)
	switch {
	case objectType == access.TypePlatform:
		return "the " + word
	case strings.ContainsRune("aeiou", rune(word[0])):
		return "an " + word
	}
	return "a " + word
}

// deeds are what those did who took a role away. Other operations just ended it.
var deeds = map[string]string{
	"remove":           "removed by",
	"remove_from_site": "removed by",
	"change_roles":     "changed by",
	"change_share":     "changed by",
	"upgrade":          "replaced by",
}

// list joins words as people do.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
