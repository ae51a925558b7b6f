package httpapi

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// Invite offers a person roles on an object.
func (a *api) Invite(ctx context.Context, r InviteRequestObject) (InviteResponseObject, error) {
	last, err := day(r.Body.EndsOn)
	if err != nil {
		return nil, err
	}
	if invited, err := email.Parse(r.Body.Email); err == nil { // the operation says what is wrong with another
		if err := a.mayInvite(ctx, invited); err != nil {
			return nil, err
		}
	}
	i, at, err := a.Operations.Invite(ctx, by(ctx, r.Params.GatehouseReason), objectOf(r.Collection, r.ID),
		operations.Newcomer{Email: r.Body.Email, GivenName: r.Body.GivenName, FamilyName: r.Body.FamilyName},
		r.Body.Roles, last, expiry(r.Body.ExpiresIn))
	return Invite201JSONResponse{invited(i, at)}, err
}

// expiry is how long an invitation is to be open; zero if nothing was said. What
// is out of bounds stays so, where a duration would overflow.
func expiry(seconds *int) time.Duration {
	switch {
	case seconds == nil:
		return 0
	case *seconds < 1:
		return -1
	}
	return time.Duration(min(*seconds, 1<<31)) * time.Second
}

// ListInvitations lists the invitations to an object.
func (a *api) ListInvitations(ctx context.Context, r ListInvitationsRequestObject) (ListInvitationsResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	if s := r.Params.Status; s != "" && !s.Valid() {
		return nil, access.Fail(access.Invalid, "invalid_status", "there is no such status of an invitation")
	}
	found, next, err := a.Operations.Invitations(ctx, objectOf(r.Collection, r.ID), operations.Status(r.Params.Status), page)
	if err != nil {
		return nil, err
	}
	body := ListInvitations200JSONResponse{Invitations: make([]Invitation, len(found)), NextCursor: next}
	for n, i := range found {
		body.Invitations[n] = invitationBody(i)
	}
	return body, nil
}

// ResendInvitation replaces an invitation by a new one.
func (a *api) ResendInvitation(ctx context.Context, r ResendInvitationRequestObject) (ResendInvitationResponseObject, error) {
	old, err := a.Operations.Invitation(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if err := a.mayInvite(ctx, old.Email); err != nil {
		return nil, err
	}
	i, at, err := a.Operations.Resend(ctx, by(ctx, r.Params.GatehouseReason), r.ID)
	return ResendInvitation201JSONResponse{invited(i, at)}, err
}

// RevokeInvitation takes a pending invitation back.
func (a *api) RevokeInvitation(ctx context.Context, r RevokeInvitationRequestObject) (RevokeInvitationResponseObject, error) {
	at, err := a.Operations.Revoke(ctx, by(ctx, r.Params.GatehouseReason), r.ID)
	return RevokeInvitation204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// AcceptInvitation takes up an invitation.
func (a *api) AcceptInvitation(ctx context.Context, r AcceptInvitationRequestObject) (AcceptInvitationResponseObject, error) {
	added, err := a.Operations.Accept(ctx, by(ctx, ""), verified(ctx), r.Body.Token)
	if err != nil {
		return nil, err
	}
	if added.Outcome == operations.Created {
		return AcceptInvitation201JSONResponse(addedBody(added)), nil
	}
	return AcceptInvitation200JSONResponse(addedBody(added)), nil
}

// verified is the e-mail the caller's login vouches for, if it does.
func verified(ctx context.Context) email.Address {
	login := noted(ctx).login // authenticate set it
	if !login.EmailVerified {
		return ""
	}
	return login.Email
}

func invited(i operations.Invitation, at access.Token) InvitedJSONResponse {
	return InvitedJSONResponse{Invitation: invitationBody(i), WrittenAt: string(at)}
}

func invitationBody(i operations.Invitation) Invitation {
	return Invitation{
		ID: i.ID, Status: InvitationStatus(i.Status), Object: Reference{Type: i.Object.Type, ID: i.Object.ID},
		Email: string(i.Email), Roles: roleIDs(i.Roles), CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
	}
}
