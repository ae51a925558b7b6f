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
	subject := noted(ctx).question // selfOrOperate set it
	if err := a.covers(ctx, r.Body.Consistency); err != nil {
		return nil, err
	}
	found, err := a.Checks.LookupResources(ctx, r.Body.ResourceType, r.Body.Permission, subject.Subject, page)
	if err != nil {
		return nil, err
	}
	if subject.stranger {
		found.IDs, found.Next = nil, ""
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
	if _, err := a.Vocabulary.Type(r.Body.SubjectType); err != nil {
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
func pageOf(limit *int, cursor string) (access.Page, error) {
	page := access.Page{Limit: defaultLimit, Cursor: cursor}
	if limit != nil {
		page.Limit = *limit
	}
	if len(cursor) > maxCursor {
		return page, access.Fail(access.Invalid, "malformed_cursor", "this cursor does not continue this list")
	}
	if page.Limit < 1 || page.Limit > maxPage {
		return page, access.Fail(access.Invalid, "invalid_limit", "limit must be 1 to %d", maxPage)
	}
	return page, nil
}

func references(objectType string, ids []string) []Reference {
	found := make([]Reference, len(ids))
	for i, id := range ids {
		found[i] = Reference{Type: objectType, ID: id}
	}
	return found
}

func selfOrOperate(a *api, c *gin.Context, request any) error {
	if r, ok := request.(SearchResourcesRequestObject); ok {
		return a.maySearch(c, resources, *r.Body)
	}
	r, _ := request.(LookupResourcesRequestObject)
	var q question
	var err error
	if q.relation, err = a.Vocabulary.Name(r.Body.ResourceType, r.Body.Permission); err != nil {
		return err
	}
	if q.Subject, q.stranger, err = a.subject(c.Request.Context(), r.Body.Subject); err != nil {
		return err
	}
	noted(c.Request.Context()).question = q
	if q.aboutCaller(c.Request.Context()) {
		return nil
	}
	return a.mayAskAnything(c.Request.Context())
}

func peopleOfResource(a *api, c *gin.Context, request any) error {
	if r, ok := request.(SearchSubjectsRequestObject); ok {
		return a.maySearch(c, subjects, *r.Body)
	}
	r, _ := request.(LookupSubjectsRequestObject)
	resource, err := access.ParseObject(r.Body.Resource.Type, r.Body.Resource.ID)
	if err != nil {
		return err
	}
	relation, err := a.Vocabulary.Name(resource.Type, r.Body.Permission)
	if err != nil {
		return err
	}
	return a.operatorOrPeopleOf(c.Request.Context(), resource, relation)
}
