package operations

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// swapVersion makes a write exclude every other that swaps the admin_version of
// the object and read it at the same moment.
func (o *Operations) swapVersion(w *access.Write, object access.Object, found []access.Relationship) {
	if i := slices.IndexFunc(found, func(r access.Relationship) bool { return r.Resource == object && r.Relation == "admin_version" }); i >= 0 {
		w.Replace(found[i])
	} else {
		w.Require(access.MustNotMatch(access.On(object, "admin_version")))
	}
	w.Touch(access.Relate(object, "admin_version", o.newVersion()))
}
