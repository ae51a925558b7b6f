package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// MayAppointFirst reports whether what is given is what a reseller may give: the
// portal admin of a sub-customer, and nothing besides (DCX-5).
func MayAppointFirst(object access.Object, wanted []roles.Role) bool {
	return object.Type == access.TypeCustomerAccount && len(wanted) == 1 && wanted[0].ID == "portal_admin"
}

// requireRightToAdd makes the write depend on the right to give all of the roles,
// or on the right to appoint the first portal admin and on there being none.
func (o *Operations) requireRightToAdd(ctx context.Context, w *access.Write, actor, object access.Object, wanted []roles.Role) error {
	refused := o.requireRight(ctx, w, actor, object, givenBy(wanted)...)
	if !access.IsKind(refused, access.Forbidden) || !MayAppointFirst(object, wanted) {
		return refused
	}
	if err := o.requireRight(ctx, w, actor, object, "appoint_first_portal_admin"); access.IsKind(err, access.Forbidden) {
		return refused
	} else if err != nil {
		return err
	}
	found, _, err := o.Relationships.Read(ctx, access.On(object, "portal_admin"), access.On(object, "admin_version"))
	if err != nil {
		return err
	}
	for _, r := range found {
		if r.Relation == "portal_admin" {
			return refused
		}
	}
	// Of two appointments at once, by resellers or by staff, this one does not come second.
	w.Require(access.MustNotMatch(access.On(object, "portal_admin")))
	o.swapVersion(w, object, found)
	return nil
}
