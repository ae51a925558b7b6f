package httpapi

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// AddMember gives a person roles on an object.
func (a *api) AddMember(ctx context.Context, r AddMemberRequestObject) (AddMemberResponseObject, error) {
	object := objectOf(r.Collection, r.ID)
	if err := confirmed(object, r.Body.Email, r.Body.EmailConfirmation); err != nil {
		return nil, err
	}
	last, err := day(r.Body.EndsOn)
	if err != nil {
		return nil, err
	}
	added, err := a.Operations.Add(ctx, by(ctx, r.Params.GatehouseReason), object,
		operations.Newcomer{Email: r.Body.Email, GivenName: r.Body.GivenName, FamilyName: r.Body.FamilyName}, r.Body.Roles, last)
	if err != nil {
		return nil, err
	}
	if added.Outcome == operations.Created {
		return AddMember201JSONResponse(addedBody(added)), nil
	}
	return AddMember200JSONResponse(addedBody(added)), nil
}

// confirmed makes sure that an e-mail was typed twice alike where that is asked
// for (C9-9). Errors: Invalid (email_confirmation).
func confirmed(object access.Object, address, again string) error {
	kind, _ := roles.KindOf(object.Type)
	if again == "" && !kind.InFull {
		return nil
	}
	first, err := email.Parse(address)
	if err != nil {
		return access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
	}
	if second, err := email.Parse(again); err != nil || second != first {
		return access.Fail(access.Invalid, "email_confirmation", "email and email_confirmation must be the same address")
	}
	return nil
}

// ListMembers lists the people with roles on an object.
func (a *api) ListMembers(ctx context.Context, r ListMembersRequestObject) (ListMembersResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Members(ctx, objectOf(r.Collection, r.ID), operations.MemberQuery{
		Search: r.Params.Q, RoleID: r.Params.Role, Sort: string(r.Params.Sort), Page: page,
	})
	if err != nil {
		return nil, err
	}
	body := ListMembers200JSONResponse{Members: make([]Member, len(found)), NextCursor: next}
	for i, m := range found {
		body.Members[i] = memberBody(m)
	}
	return body, nil
}

// day reads a date, if there is one. Errors: Invalid (invalid_date).
func day(text *string) (*access.Day, error) {
	if text == nil {
		return nil, nil
	}
	d, err := access.ParseDay(*text)
	return &d, err
}

// ChangeRoles makes exactly these a member's roles on an object.
func (a *api) ChangeRoles(ctx context.Context, r ChangeRolesRequestObject) (ChangeRolesResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.User)
	if err != nil {
		return nil, err
	}
	last, err := day(r.Body.EndsOn)
	if err != nil {
		return nil, err
	}
	changed, err := a.Operations.ChangeRoles(ctx, by(ctx, r.Params.GatehouseReason), objectOf(r.Collection, r.ID), user, r.Body.Roles, last)
	return ChangeRoles200JSONResponse(addedBody(changed)), err
}

// RemoveMember takes every role on an object from a person.
func (a *api) RemoveMember(ctx context.Context, r RemoveMemberRequestObject) (RemoveMemberResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.User)
	if err != nil {
		return nil, err
	}
	at, err := a.Operations.Remove(ctx, by(ctx, r.Params.GatehouseReason), objectOf(r.Collection, r.ID), user)
	return RemoveMember204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// EndRole ends a person's role on an object, now or on a date.
func (a *api) EndRole(ctx context.Context, r EndRoleRequestObject) (EndRoleResponseObject, error) {
	user, err := access.ParseObject(access.TypeUser, r.User)
	if err != nil {
		return nil, err
	}
	last, err := day(r.Params.EndsOn)
	if err != nil {
		return nil, err
	}
	at, err := a.Operations.EndRole(ctx, by(ctx, r.Params.GatehouseReason), objectOf(r.Collection, r.ID), user, r.Role, last)
	return EndRole204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// objectOf is the object a path names; the route table made sure there is one.
func objectOf(collection Collection, id string) access.Object {
	kind, _ := roles.KindIn(string(collection))
	return access.Object{Type: kind.Type, ID: id}
}

func addedBody(added operations.Added) AddedMember {
	body := AddedMember{
		User:    UserReference{ID: added.Person.ID, Email: string(added.Person.Email)},
		Outcome: AddedMemberOutcome(added.Outcome), Roles: make([]string, len(added.Roles)), WrittenAt: string(added.WrittenAt),
	}
	for i, held := range added.Roles {
		body.Roles[i] = held.Role.ID
		if !held.EndsAt.IsZero() {
			if body.Ends == nil {
				body.Ends = map[string]time.Time{}
			}
			body.Ends[held.Role.ID] = held.EndsAt
		}
	}
	return body
}

func roleIDs(held []roles.Role) []string {
	ids := make([]string, len(held))
	for i, role := range held {
		ids[i] = role.ID
	}
	return ids
}

func memberBody(m operations.Member) Member {
	body := Member{User: userBody(m.Person), Status: Contact, Roles: make([]HeldRole, len(m.Roles))}
	if m.Person.HasLogin {
		body.Status = Active
	}
	for i, held := range m.Roles {
		body.Roles[i].Role = held.Role.ID
		if !held.EndsAt.IsZero() {
			body.Roles[i].EndsAt = &held.EndsAt
		}
	}
	return body
}

func userBody(p access.Person) User {
	return User{ID: p.ID, Email: string(p.Email), GivenName: p.GivenName, FamilyName: p.FamilyName}
}
