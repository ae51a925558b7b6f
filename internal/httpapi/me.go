package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// GetMe shows the caller to themself.
func (a *api) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	return GetMe200JSONResponse(meBody(person(ctx))), nil
}

// ChangeMe changes the caller's own profile.
func (a *api) ChangeMe(ctx context.Context, r ChangeMeRequestObject) (ChangeMeResponseObject, error) {
	change := access.ProfileChange{GivenName: r.Body.GivenName, FamilyName: r.Body.FamilyName, UserName: r.Body.UserName}
	if r.Body.Language != nil {
		language, err := access.ParseLanguage(string(*r.Body.Language))
		if err != nil {
			return nil, err
		}
		change.Language = &language
	}
	if r.Body.Email != nil {
		address, err := email.Parse(*r.Body.Email)
		if err != nil {
			return nil, access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
		}
		change.Email = &address
	}
	changed, err := a.Operations.ChangeProfile(ctx, person(ctx), verified(ctx), change)
	return ChangeMe200JSONResponse(meBody(changed)), err
}

// DeleteMe deletes the caller's own profile.
func (a *api) DeleteMe(ctx context.Context, r DeleteMeRequestObject) (DeleteMeResponseObject, error) {
	at, err := a.Operations.DeleteProfile(ctx, by(ctx, r.Params.GatehouseReason))
	return DeleteMe204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

func meBody(p access.Person) Me {
	return Me{
		ID: p.ID, Email: string(p.Email), GivenName: p.GivenName, FamilyName: p.FamilyName,
		UserName: p.UserName, Language: Language(p.Language), HasLogin: p.HasLogin,
	}
}
