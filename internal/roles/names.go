package roles

import "github.com/gatehouse/gatehouse/internal/access"

// german is what roles are called in German, in the words of the products' own pages.
var german = map[string]string{
	"operator": "Betreiber",
	"support":  "Support",

	"partner_admin":  "Partner-Administrator",
	"client_admin":   "Mandanten-Administrator",
	"project_admin":  "Projekt-Administrator",
	"project_member": "Projektbenutzer",

	"customer_admin":    "Kundenadministrator",
	"cockpit_access":    "Cockpit-Zugang",
	"technical_contact": "technischer Kontakt",

	"portal_admin":          "Portal-Administrator",
	"portal_technical_user": "technischer Portalbenutzer",
	"portal_read_only_user": "Portalbenutzer mit Leserecht",

	"company_admin":   "Firmenadministrator",
	"instance_member": "Mitglied",

	"inventory_writer":     "Inventar (schreiben)",
	"inventory_reader":     "Inventar (lesen)",
	"customer_care_writer": "Kundenbetreuung (schreiben)",
	"customer_care_reader": "Kundenbetreuung (lesen)",
}

// NameIn is the role's name in a language.
func (r Role) NameIn(l access.Language) string {
	if l == access.German {
		return german[r.ID]
	}
	return r.Name
}
