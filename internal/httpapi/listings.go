package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// ListCockpits lists the cockpits that the caller may open.
func (a *api) ListCockpits(ctx context.Context, r ListCockpitsRequestObject) (ListCockpitsResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Cockpits(ctx, caller(ctx), page)
	body := ListCockpits200JSONResponse{Cockpits: make([]Cockpit, len(found)), NextCursor: next}
	for i, c := range found {
		body.Cockpits[i] = Cockpit{Type: CockpitType(c.Profile.Type), ID: c.Profile.ID, Name: c.Profile.Name, Shared: c.Shared}
	}
	return body, err
}

// ReadAssignments shows what a person is in a site.
func (a *api) ReadAssignments(ctx context.Context, r ReadAssignmentsRequestObject) (ReadAssignmentsResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.ID)
	if err != nil {
		return nil, err
	}
	site, err := access.ParseObject(access.TypePartner, r.Params.Site)
	if err != nil {
		return nil, err
	}
	found, err := a.Operations.Assignments(ctx, caller(ctx), user, site)
	if err != nil {
		return nil, err
	}
	return ReadAssignments200JSONResponse{Level: found.Level, Removed: found.Removed, Site: assignmentBody(found.Site)}, nil
}

func assignmentBody(a *operations.Assignment) Assignment {
	body := Assignment{
		Object: objectBody(a.Object), ReachesAll: a.Reaches,
		Roles: memberBody(operations.Member{Roles: a.Roles}).Roles, Beneath: make([]Assignment, len(a.Beneath)),
	}
	for i, beneath := range a.Beneath {
		body.Beneath[i] = assignmentBody(beneath)
	}
	return body
}

// ListSiteUsers lists every user of a site.
func (a *api) ListSiteUsers(ctx context.Context, r ListSiteUsersRequestObject) (ListSiteUsersResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.SiteUsers(ctx, access.Object{Type: access.TypePartner, ID: r.ID}, operations.SiteUserQuery{
		Search: r.Params.Q, Sort: string(r.Params.Sort), Page: page,
	})
	body := ListSiteUsers200JSONResponse{Users: make([]SiteUser, len(found)), NextCursor: next}
	for i, u := range found {
		body.Users[i] = SiteUser{User: userBody(u.Person), Level: u.Level.ID, Status: SiteUserStatus(u.Status)}
		if u.Status == operations.SiteInvited {
			body.Users[i].User.ID = ""
		}
	}
	return body, err
}
