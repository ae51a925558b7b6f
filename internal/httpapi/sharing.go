package httpapi

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// ReadInstance shows one instance; see ReadPartner.
func (a *api) ReadInstance(ctx context.Context, r ReadInstanceRequestObject) (ReadInstanceResponseObject, error) {
	profile, err := a.Operations.Object(ctx, instance(r.ID))
	return ReadInstance200JSONResponse(objectBody(profile)), err
}

// ReadSharing shows how an instance's cockpit may be shared.
func (a *api) ReadSharing(ctx context.Context, r ReadSharingRequestObject) (ReadSharingResponseObject, error) {
	s, err := a.Operations.ReadSharing(ctx, instance(r.ID))
	return ReadSharing200JSONResponse{Enabled: s.Enabled, AllowedInstances: listed(s.Allowed)}, err
}

// ConfigureSharing switches sharing and replaces the allow-list.
func (a *api) ConfigureSharing(ctx context.Context, r ConfigureSharingRequestObject) (ConfigureSharingResponseObject, error) {
	if r.Body.Enabled == nil || r.Body.AllowedInstances == nil {
		return nil, incomplete("enabled and allowed_instances")
	}
	s, at, err := a.Operations.ConfigureSharing(ctx, by(ctx, r.Params.GatehouseReason), instance(r.ID),
		operations.Sharing{Enabled: *r.Body.Enabled, Allowed: r.Body.AllowedInstances})
	return ConfigureSharing200JSONResponse{Enabled: s.Enabled, AllowedInstances: listed(s.Allowed), WrittenAt: string(at)}, err
}

// seeSharing is for those who manage shares and those who configure sharing.
func seeSharing(a *api, c *gin.Context, _ any) error {
	object, err := under(access.TypeInstance)(c)
	if err != nil {
		return err
	}
	configures, err := a.has(c.Request.Context(), object, "configure_sharing")
	if err != nil || configures {
		return err
	}
	return a.require(c.Request.Context(), object, "manage_shares")
}

// Share shares the cockpit with a person.
func (a *api) Share(ctx context.Context, r ShareRequestObject) (ShareResponseObject, error) {
	last, err := day(r.Body.EndsOn)
	if err != nil {
		return nil, err
	}
	added, err := a.Operations.Share(ctx, by(ctx, r.Params.GatehouseReason), instance(r.ID), r.Body.Email, r.Body.Instance,
		share(r.Body.Inventory, r.Body.CustomerCare), last)
	if err != nil {
		return nil, err
	}
	body := GivenShare{
		User: UserReference{ID: added.Person.ID, Email: string(added.Person.Email)}, Outcome: GivenShareOutcome(added.Outcome),
		WrittenAt: string(added.WrittenAt),
	}
	body.Inventory, body.CustomerCare, body.Ends = shareBody(added.Roles)
	if added.Outcome == operations.Created {
		return Share201JSONResponse(body), nil
	}
	return Share200JSONResponse(body), nil
}

// ListShares lists with whom the cockpit is shared.
func (a *api) ListShares(ctx context.Context, r ListSharesRequestObject) (ListSharesResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Shares(ctx, instance(r.ID), page)
	body := ListShares200JSONResponse{Shares: make([]SharedWith, len(found)), NextCursor: next}
	for i, s := range found {
		with := SharedWith{User: userBody(s.Person)}
		with.Inventory, with.CustomerCare, with.Ends = shareBody(s.Roles)
		body.Shares[i] = with
	}
	return body, err
}

// ChangeShare sets what a person shares.
func (a *api) ChangeShare(ctx context.Context, r ChangeShareRequestObject) (ChangeShareResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.User)
	if err != nil {
		return nil, err
	}
	if r.Body.Inventory == "" || r.Body.CustomerCare == "" {
		return nil, incomplete("inventory and customer_care")
	}
	last, err := day(r.Body.EndsOn)
	if err != nil {
		return nil, err
	}
	s, at, err := a.Operations.ChangeShare(ctx, by(ctx, r.Params.GatehouseReason), instance(r.ID), user,
		share(r.Body.Inventory, r.Body.CustomerCare), last)
	body := ChangeShare200JSONResponse{User: UserReference{ID: s.Person.ID, Email: string(s.Person.Email)}, WrittenAt: string(at)}
	body.Inventory, body.CustomerCare, body.Ends = shareBody(s.Roles)
	return body, err
}

// shareBody is what roles share of each area, and when those end that do.
func shareBody(held []operations.HeldRole) (inventory, customerCare ShareLevel, ends map[string]time.Time) {
	shared := make([]roles.Role, len(held))
	for i, h := range held {
		shared[i] = h.Role
		if h.Role.Way == roles.Sharing && !h.EndsAt.IsZero() {
			if ends == nil {
				ends = map[string]time.Time{}
			}
			ends[h.Role.Rivalry] = h.EndsAt
		}
	}
	levels := roles.ShareOf(shared)
	return ShareLevel(levels["inventory"]), ShareLevel(levels["customer_care"]), ends
}

// Unshare takes all that is shared with a person.
func (a *api) Unshare(ctx context.Context, r UnshareRequestObject) (UnshareResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.User)
	if err != nil {
		return nil, err
	}
	at, err := a.Operations.Unshare(ctx, by(ctx, r.Params.GatehouseReason), instance(r.ID), user)
	return Unshare204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

func instance(id string) access.Object { return access.Object{Type: access.TypeInstance, ID: id} }

func share(inventory, customerCare ShareLevel) roles.Share {
	return roles.Share{"inventory": roles.Level(inventory), "customer_care": roles.Level(customerCare)}
}

// incomplete refuses a replacement that leaves something out: what is absent must
// not be taken for switched off.
func incomplete(fields string) error {
	return access.Fail(access.Invalid, "incomplete", "this replaces everything, so say all of %s", fields)
}

// listed is a list that is empty rather than null.
func listed(items []string) []string {
	if items == nil {
		return []string{}
	}
	return items
}
