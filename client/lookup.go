package client

import (
	"context"
	"iter"
)

// Everyone is the id by which LookupSubjects says that all subjects of the type
// have the permission.
const Everyone = "*"

// ResourceQuery asks on which resources of a type Subject has Permission.
type ResourceQuery struct {
	ResourceType string      `json:"resource_type"`
	Permission   string      `json:"permission"`
	Subject      Subject     `json:"subject"`
	Consistency  Consistency `json:"consistency,omitzero"`

	// PageSize is how many come with each request, 1 to 1000. Default: 1000.
	PageSize int `json:"limit"`
}

// SubjectQuery asks which subjects of a type have Permission on Resource.
type SubjectQuery struct {
	Resource    Object      `json:"resource"`
	Permission  string      `json:"permission"`
	SubjectType string      `json:"subject_type"`
	Consistency Consistency `json:"consistency,omitzero"`

	// PageSize is how many come with each request, 1 to 1000. Default: 1000.
	PageSize int `json:"limit"`
}

const maxPage = 1000

// LookupResources finds resources in the order of their ids, page after page while
// the loop goes on. An error ends it and comes last, with no object.
func (c *Client) LookupResources(ctx context.Context, q ResourceQuery) iter.Seq2[Object, error] {
	if q.PageSize == 0 {
		q.PageSize = maxPage
	}
	type page struct {
		ResourceQuery
		Cursor string `json:"cursor,omitempty"`
	}
	return pages(func(cursor string) ([]Object, string, error) {
		var found struct {
			Resources []Object `json:"resources"`
			Next      string   `json:"next_cursor"`
		}
		err := c.ask(ctx, "/v1/lookup/resources", page{q, cursor}, &found)
		return found.Resources, found.Next, err
	})
}

// LookupSubjects finds subjects in the order of their ids, page after page while
// the loop goes on. An error ends it and comes last, with no object.
func (c *Client) LookupSubjects(ctx context.Context, q SubjectQuery) iter.Seq2[Object, error] {
	if q.PageSize == 0 {
		q.PageSize = maxPage
	}
	type page struct {
		SubjectQuery
		Cursor string `json:"cursor,omitempty"`
	}
	return pages(func(cursor string) ([]Object, string, error) {
		var found struct {
			Subjects []Object `json:"subjects"`
			Next     string   `json:"next_cursor"`
		}
		err := c.ask(ctx, "/v1/lookup/subjects", page{q, cursor}, &found)
		return found.Subjects, found.Next, err
	})
}

// pages walks through a list by its cursors.
func pages(fetch func(cursor string) ([]Object, string, error)) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for cursor := ""; ; {
			found, next, err := fetch(cursor)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range found {
				if !yield(o, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}
