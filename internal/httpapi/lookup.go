package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// LookupResources answers on which resources a subject has a permission.
func (a *api) LookupResources(ctx context.Context, r LookupResourcesRequestObject) (LookupResourcesResponseObject, error) {
	page, err := pageOf(r.Body.Limit, r.Body.Cursor)
	if err != nil {
		return nil, err
	}
	if _, err := access.ParseObject(r.Body.ResourceType, nobody); err != nil {
		return nil, err
	}
	if _, err := access.ParsePermission(r.Body.Permission); err != nil {
		return nil, err
	}
	subject, stranger, err := a.subject(ctx, r.Body.Subject)
	if err != nil {
		return nil, err
	}
	if err := a.covers(ctx, r.Body.Consistency); err != nil {
		return nil, err
	}
	if stranger {
		subject.ID = nobody
	}
	found, err := a.Checks.LookupResources(ctx, r.Body.ResourceType, r.Body.Permission, subject, page)
	if err != nil {
		return nil, err
	}
	return LookupResources200JSONResponse{
		Resources: references(r.Body.ResourceType, found.IDs), NextCursor: found.Next, CheckedAt: string(found.CheckedAt),
	}, nil
}

// LookupSubjects answers which subjects have a permission on a resource.
func (a *api) LookupSubjects(ctx context.Context, r LookupSubjectsRequestObject) (LookupSubjectsResponseObject, error) {
	page, err := pageOf(r.Body.Limit, r.Body.Cursor)
	if err != nil {
		return nil, err
	}
	resource, err := access.ParseObject(r.Body.Resource.Type, r.Body.Resource.ID)
	if err != nil {
		return nil, err
	}
	if _, err := access.ParsePermission(r.Body.Permission); err != nil {
		return nil, err
	}
	if _, err := access.ParseObject(r.Body.SubjectType, nobody); err != nil {
		return nil, err
	}
	if err := a.covers(ctx, r.Body.Consistency); err != nil {
		return nil, err
	}
	found, err := a.Checks.LookupSubjects(ctx, resource, r.Body.Permission, r.Body.SubjectType, page)
	if err != nil {
		return nil, err
	}
	return LookupSubjects200JSONResponse{
		Subjects: references(r.Body.SubjectType, found.IDs), NextCursor: found.Next, CheckedAt: string(found.CheckedAt),
	}, nil
}

// pageOf reads which page is asked for. Errors: Invalid (invalid_limit).
func pageOf(limit int, cursor string) (access.Page, error) {
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < 1 || limit > maxPage {
		return access.Page{}, access.Fail(access.Invalid, "invalid_limit", "limit must be 1 to %d", maxPage)
	}
	return access.Page{Limit: limit, Cursor: cursor}, nil
}

func references(objectType string, ids []string) []Reference {
	found := make([]Reference, len(ids))
	for i, id := range ids {
		found[i] = Reference{Type: objectType, ID: id}
	}
	return found
}

func selfOrOperate(a *api, c *gin.Context, request any) error {
	r, _ := request.(LookupResourcesRequestObject)
	subject, stranger, err := a.subject(c, r.Body.Subject)
	if err != nil {
		return err
	}
	if !stranger && subject == (access.Subject{Object: caller(c)}) {
		return nil
	}
	return a.require(c, access.Platform, "operate")
}

func peopleOfResource(a *api, c *gin.Context, request any) error {
	r, _ := request.(LookupSubjectsRequestObject)
	resource, err := access.ParseObject(r.Body.Resource.Type, r.Body.Resource.ID)
	if err != nil {
		return err
	}
	return a.operatorOrPeopleOf(c, resource)
}
