package httpapi

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// everyone is the id by which lookups say that a permission is everyone's.
const everyone = "*"

// SearchSubjects answers which subjects of a type have a permission on a resource.
// Everyone is not among them: that is no subject that could be asked about.
func (a *api) SearchSubjects(ctx context.Context, _ SearchSubjectsRequestObject) (SearchSubjectsResponseObject, error) {
	s := noted(ctx).search // maySearch set it
	ids, page, err := s.page(func(p access.Page) (access.Lookup, error) {
		return a.Checks.LookupSubjects(ctx, s.question.Resource, s.question.Permission, s.question.Subject.Type, p)
	})
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == everyone })
	page.Count = len(ids)
	return SearchSubjects200JSONResponse{Page: page, Results: references(s.question.Subject.Type, ids)}, err
}

// SearchResources answers on which resources of a type a subject has a permission.
func (a *api) SearchResources(ctx context.Context, _ SearchResourcesRequestObject) (SearchResourcesResponseObject, error) {
	s := noted(ctx).search // maySearch set it
	ids, page, err := s.page(func(p access.Page) (access.Lookup, error) {
		return a.Checks.LookupResources(ctx, s.question.Resource.Type, s.question.Permission, s.question.Subject, p)
	})
	return SearchResources200JSONResponse{Page: page, Results: references(s.question.Resource.Type, ids)}, err
}

// SearchActions answers which permissions a subject has on a resource.
func (a *api) SearchActions(ctx context.Context, _ SearchActionsRequestObject) (SearchActionsResponseObject, error) {
	s := noted(ctx).search // maySearch set it
	names, page, err := s.page(func(p access.Page) (found access.Lookup, err error) {
		all, err := a.permissions(ctx, s.question.Check)
		if err == nil {
			found.IDs, found.Next, err = access.Cut(all, p, func(name string) string { return name }, cmp.Compare[string])
		}
		return found, err
	})
	results := make([]Action, len(names))
	for i, name := range names {
		results[i] = Action{Name: name}
	}
	return SearchActions200JSONResponse{Page: page, Results: results}, err
}

// permissions finds which of all permissions on its resource a check would allow.
func (a *api) permissions(ctx context.Context, c access.Check) ([]string, error) {
	names := slices.Collect(maps.Keys(a.Vocabulary[c.Resource.Type].Permissions))
	a.spend(ctx, len(names))
	asked := make([]access.Check, len(names))
	for i, name := range names {
		asked[i] = c
		asked[i].Permission = name
	}
	var allowed []string
	for i, answer := range a.Checks.Bulk(ctx, asked) {
		if answer.Err != nil {
			return nil, answer.Err
		}
		if answer.Decision.Allowed {
			allowed = append(allowed, names[i])
		}
	}
	return allowed, nil
}

// page looks up the page a search has come to, and says how it continues.
func (s search) page(look func(access.Page) (access.Lookup, error)) ([]string, FoundPage, error) {
	if s.question.void {
		return nil, FoundPage{}, nil
	}
	limit := min(*s.Asked.Page.Limit, maxPage)
	found, err := look(access.Page{Limit: max(limit, 1), Cursor: s.After})
	if err != nil || s.question.stranger { // for whom it takes as long as for anybody
		return nil, FoundPage{}, err
	}
	if limit == 0 { // the page is empty, and continues unless there is nothing
		more := len(found.IDs) > 0
		found.IDs, found.Next = nil, s.After
		if !more {
			return nil, FoundPage{}, nil
		}
	} else if found.Next == "" {
		return found.IDs, FoundPage{Count: len(found.IDs)}, nil
	}
	s.After = found.Next
	return found.IDs, FoundPage{Count: len(found.IDs), NextToken: s.token()}, nil
}

// maySearch lets people search for what they, and those on objects whose people
// they manage, may do, and operators for anything.
func (a *api) maySearch(c *gin.Context, what searched, r SearchRequest) error {
	ctx := c.Request.Context()
	s, err := searchFor(what, r)
	if err != nil {
		return err
	}
	if s.question, err = a.evaluation(ctx, s.example(a.Vocabulary)); err != nil {
		return err
	}
	noted(c.Request.Context()).search = &s
	if s.question.void && noted(ctx).app.is() {
		return a.mayAskAnything(ctx)
	}
	if q := s.question; what == resources && !q.void && !q.aboutCaller(ctx) {
		return a.mayAskAnything(ctx)
	} else if what == resources {
		return nil
	}
	return a.askVisibly(ctx, s.question)
}

// example is an evaluation such as a search finds, with something in the place of
// what is searched for.
func (s search) example(v access.Vocabulary) PartialEvaluation {
	e := PartialEvaluation{Subject: s.Asked.Subject, Action: s.Asked.Action, Resource: s.Asked.Resource, Context: s.Asked.Context}
	id := nobody
	switch {
	case s.For == subjects && e.Subject != nil:
		e.Subject = &Entity{Type: e.Subject.Type, ID: &id, Properties: e.Subject.Properties}
	case s.For == resources && e.Resource != nil:
		e.Resource = &Entity{Type: e.Resource.Type, ID: &id, Properties: e.Resource.Properties}
	case s.For == actions:
		e.Action = &Action{}
		if e.Resource != nil {
			for e.Action.Name = range v[e.Resource.Type].Permissions {
				break
			}
		}
	}
	return e
}
