package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Revoke takes a pending invitation back.
// Errors: NotFound (not_found), Conflict (not_pending), Gone (revoked,
// replaced, expired).
func (o *Operations) Revoke(ctx context.Context, by By, id string) (access.Token, error) {
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("revoke_invitation")}
		i, err := o.Invitation(ctx, id)
		if err != nil {
			return w, "", err
		}
		if i.Status != Pending {
			return w, "", i.notPending()
		}
		i.settle(&w, "revoked_by", by.Actor)
		return w, "", o.requireRight(ctx, &w, by.Actor, i.object(), "revoke")
	})
}
