package roles

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Kind is a type of object that admins create and manage people on.
type Kind struct {
	Type       string
	Collection string // its segment in URLs
	Parent     string // type of the object it hangs from
	Tie        string // the relation to the parent; every existing object has it
	CreatedBy  string // permission on the parent that allows creating one
	PeopleBy   string // permission on the object that shows its people
	InFull     bool   // whoever adds people gives both their names, and their e-mail twice (C9-9)
}

// Root reports whether an object of this kind is the root of its site.
func (k Kind) Root() bool { return k.Parent == "" || k.Parent == access.TypePlatform }

// Kinds lists them, parents before children.
var Kinds = []Kind{
	{Type: access.TypePlatform, Collection: "platforms", PeopleBy: "assist"},
	{Type: access.TypePartner, Collection: "partners", Parent: access.TypePlatform, Tie: "platform", CreatedBy: "operate", PeopleBy: "manage_people", InFull: true},
	{Type: access.TypeClient, Collection: "clients", Parent: access.TypePartner, Tie: "partner", CreatedBy: "add_client", PeopleBy: "manage_people", InFull: true},
	{Type: access.TypeProject, Collection: "projects", Parent: access.TypeClient, Tie: "client", CreatedBy: "add_project", PeopleBy: "manage_people", InFull: true},
	{Type: access.TypeCustomerAccount, Collection: "customer-accounts", Parent: access.TypePlatform, Tie: "platform", CreatedBy: "operate", PeopleBy: "manage_contacts"},
	{Type: access.TypeInstance, Collection: "instances", Parent: access.TypePlatform, Tie: "platform", CreatedBy: "operate", PeopleBy: "manage_people"},
}

// Belongings are the kinds of what belongs to a customer account. People have no
// roles on them, and they go when they are deleted.
var Belongings = []Kind{
	{Type: access.TypeService, Collection: "services", Parent: access.TypeCustomerAccount, Tie: "consumer", CreatedBy: "provision_service"},
	{Type: access.TypeResource, Collection: "resources", Parent: access.TypeCustomerAccount, Tie: "account", CreatedBy: "manage_resources"},
	{Type: access.TypeAPIKey, Collection: "api-keys", Parent: access.TypeCustomerAccount, Tie: "account", CreatedBy: "manage_api_keys"},
}

// KindOf returns the kind of a type of object, and whether there is one.
func KindOf(objectType string) (Kind, bool) {
	is := func(k Kind) bool { return k.Type == objectType }
	if i := slices.IndexFunc(Belongings, is); i >= 0 {
		return Belongings[i], true
	}
	return find(is)
}

// KindIn returns the kind that lives in a collection, and whether there is one.
func KindIn(collection string) (Kind, bool) {
	return find(func(k Kind) bool { return k.Collection == collection })
}

func find(is func(Kind) bool) (Kind, bool) {
	for _, k := range Kinds {
		if is(k) {
			return k, true
		}
	}
	return Kind{}, false
}
