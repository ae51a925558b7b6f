package oracle_test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// platform is the one there is.
const platform = "platform:gatehouse"

// facts is everything the domain knows of a world. Objects are written type:name,
// people by their name, API keys like objects.
type facts struct {
	now         time.Time
	parent      map[string]string // what each object hangs from; a root from the platform
	zone        map[string]*time.Location
	held        map[holding]time.Time // until when; zero: for good
	removed     map[removal]bool      // from a partner; true: clean-up under way
	contracts   map[string]contract
	services    map[string]service
	shareable   map[string]bool
	allowed     map[string][]string
	invitations []invitation
	login       map[string]bool
}

type holding struct{ who, role, on string }

type removal struct{ who, partner string }

type contract struct {
	direct, colocation, partnerStatus bool
	reseller                          string // a customer account, or empty
}

type service struct {
	kind   string
	resold bool
}

func newFacts(now time.Time) *facts {
	return &facts{
		now: now, parent: map[string]string{}, zone: map[string]*time.Location{}, held: map[holding]time.Time{},
		removed: map[removal]bool{}, contracts: map[string]contract{}, services: map[string]service{},
		shareable: map[string]bool{}, allowed: map[string][]string{}, login: map[string]bool{},
	}
}

func (f *facts) clone() *facts {
	next := *f
	next.parent, next.zone, next.held = maps.Clone(f.parent), maps.Clone(f.zone), maps.Clone(f.held)
	next.removed, next.contracts, next.services = maps.Clone(f.removed), maps.Clone(f.contracts), maps.Clone(f.services)
	next.shareable, next.allowed = maps.Clone(f.shareable), maps.Clone(f.allowed)
	next.invitations, next.login = slices.Clone(f.invitations), maps.Clone(f.login)
	return &next
}

// refusal is the code of an error.
type refusal string

func (r refusal) Error() string { return string(r) }

// try carries out a change or, if it is refused, nothing of it. No change takes the
// last admin.
func (f *facts) try(change func(next *facts) (string, error)) (string, error) {
	next := f.clone()
	outcome, err := change(next)
	if err != nil {
		return "", err
	}
	if f.losesLastAdmin(next) {
		return "", refusal("last_admin")
	}
	*f = *next
	return outcome, nil
}

func kind(object string) string {
	k, _, _ := strings.Cut(object, ":")
	return k
}

// line climbs from an object to the root of its site.
func (f *facts) line(object string) []string {
	line := []string{object}
	for object != platform && f.parent[object] != platform {
		object = f.parent[object]
		line = append(line, object)
	}
	return line
}

func (f *facts) site(object string) string {
	line := f.line(object)
	return line[len(line)-1]
}

// role is a row of the domain's table of roles.
type role struct {
	id, on           string
	rank             int
	rivalry          string // of which a person has one role on an object
	givenBy, takenBy string
	forever          bool // does not end on a date
	notOwn           bool // nobody ends it for themself
	shared           bool // not given to members
}

var table = []role{
	{id: "operator", on: "platform", givenBy: "operate", takenBy: "operate", forever: true, shared: true},
	{id: "support", on: "platform", givenBy: "operate", takenBy: "operate", forever: true},
	{id: "partner_admin", on: "partner", rank: 40, givenBy: "add_partner_admin", takenBy: "remove_partner_admin", notOwn: true},
	{id: "client_admin", on: "client", rank: 30, givenBy: "add_client_admin", takenBy: "add_client_admin"},
	{id: "project_admin", on: "project", rank: 20, rivalry: "project", givenBy: "manage_people", takenBy: "manage_people"},
	{id: "project_member", on: "project", rank: 10, rivalry: "project", givenBy: "manage_people", takenBy: "manage_people"},
	{id: "customer_admin", on: "customer_account", givenBy: "manage_cockpit_roles", takenBy: "manage_cockpit_roles"},
	{id: "cockpit_access", on: "customer_account", givenBy: "manage_cockpit_roles", takenBy: "manage_cockpit_roles"},
	{id: "technical_contact", on: "customer_account", givenBy: "manage_cockpit_roles", takenBy: "manage_cockpit_roles"},
	{id: "portal_admin", on: "customer_account", rank: 30, rivalry: "portal", givenBy: "manage_portal_roles", takenBy: "manage_portal_roles"},
	{id: "portal_technical_user", on: "customer_account", rank: 20, rivalry: "portal", givenBy: "manage_portal_roles", takenBy: "manage_portal_roles"},
	{id: "portal_read_only_user", on: "customer_account", rank: 10, rivalry: "portal", givenBy: "manage_portal_roles", takenBy: "manage_portal_roles"},
	{id: "company_admin", on: "instance", givenBy: "manage_people", takenBy: "manage_people", forever: true},
	{id: "instance_member", on: "instance", givenBy: "manage_people", takenBy: "manage_people", forever: true},
	{id: "inventory_writer", on: "instance", rank: 20, rivalry: "inventory", shared: true},
	{id: "inventory_reader", on: "instance", rank: 10, rivalry: "inventory", shared: true},
	{id: "customer_care_writer", on: "instance", rank: 20, rivalry: "customer_care", shared: true},
	{id: "customer_care_reader", on: "instance", rank: 10, rivalry: "customer_care", shared: true},
}

func find(id string) role {
	i := slices.IndexFunc(table, func(r role) bool { return r.id == id })
	return table[i]
}

func (r role) rivals(other role) bool {
	return r.id != other.id && r.rivalry != "" && r.rivalry == other.rivalry
}

// memberRoles are the ids of the roles that members of an object are given.
func memberRoles(object string) []string {
	var ids []string
	for _, r := range table {
		if r.on == kind(object) && !r.shared {
			ids = append(ids, r.id)
		}
	}
	return ids
}

func (f *facts) holds(who, roleID, on string) bool {
	_, held := f.held[holding{who, roleID, on}]
	return held
}

// noSooner compares two ends, of which zero is none.
func noSooner(end, other time.Time) bool {
	return end.IsZero() || !other.IsZero() && !end.Before(other)
}

// pass lets the time come, with every end that falls before.
func (f *facts) pass(now time.Time) {
	f.now = now
	maps.DeleteFunc(f.held, func(_ holding, end time.Time) bool { return !end.IsZero() && !end.After(now) })
}
