package roles

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Scope is something that applications may be allowed to ask of the platform.
type Scope struct {
	ID       string // and the permission on the platform that it gives
	Relation string // of the platform to the application
}

// Scopes lists what there is. Changing anything is none of them, but for the people
// of objects that are named: ManagePeople.
var Scopes = []Scope{
	{ID: "check", Relation: "checker"},
	{ID: "lookup", Relation: "finder"},
	{ID: "explain", Relation: "explainer"},
	{ID: "read_audit", Relation: "auditor"},
	{ID: "grpc_read", Relation: "grpc_reader"},
	{ID: "grpc_write", Relation: "grpc_writer"},
}

// ManagePeople is what an application may do on objects that are named: manage their
// people, as staff do. ManagedBy is the relation of such an object to it.
const (
	ManagePeople = "manage_people"
	ManagedBy    = "people_manager"
)

// FindScopes returns the scopes with these ids, in their order, each once.
// Errors: Invalid (unknown_scope).
func FindScopes(ids []string) ([]Scope, error) {
	for _, id := range ids {
		if !slices.ContainsFunc(Scopes, func(s Scope) bool { return s.ID == id }) {
			return nil, access.Fail(access.Invalid, "unknown_scope", "there is no scope %q", access.Clip(id))
		}
	}
	var found []Scope
	for _, s := range Scopes {
		if slices.Contains(ids, s.ID) {
			found = append(found, s)
		}
	}
	return found, nil
}

// Manageable reports whether applications may manage the people of such an object.
func Manageable(objectType string) bool {
	kind, ok := find(func(k Kind) bool { return k.Type == objectType })
	return ok && kind.Parent != ""
}
