package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Resend makes a new invitation, with a new link and the caller as inviter, that
// replaces a pending or expired one in the same write.
// Errors: NotFound (not_found), Conflict (not_pending), Gone (revoked, replaced).
func (o *Operations) Resend(ctx context.Context, by By, id string) (Invitation, access.Token, error) {
	old, err := o.Invitation(ctx, id)
	if err != nil {
		return Invitation{}, "", err
	}
	if old.Status != Pending && old.Status != Expired {
		return Invitation{}, "", old.notPending()
	}
	if len(old.Roles) == 0 { // they would have ended by now
		return Invitation{}, "", old.notPending()
	}
	return o.invite(ctx, by, "resend_invitation", Invitation{
		Object: old.Object, Roles: old.Roles, InviteeID: old.InviteeID, Email: old.Email, RolesEndAt: old.RolesEndAt,
	}, old.ExpiresAt.Sub(old.CreatedAt), old.ID)
}
