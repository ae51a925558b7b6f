package relationships

import (
	"context"
	"errors"
	"io"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/gatehouse/gatehouse/internal/access"
)

// LookupResources returns the ids of all resources of a type on which the subject
// has the permission, in no order; those that depend on caveat context are left
// out. SpiceDB's own pages are not used: what is reached on several ways stands on
// several of them.
func (g *Gateway) LookupResources(ctx context.Context, resourceType, permission string, s access.Subject) ([]string, access.Token, error) {
	at, err := g.head(ctx)
	if err != nil {
		return nil, "", err
	}
	stream, err := g.permissions.LookupResources(ctx, &v1.LookupResourcesRequest{
		Consistency:        exactly(at),
		ResourceObjectType: resourceType,
		Permission:         permission,
		Subject:            subject(s),
	})
	var ids []string
	err = each(stream, err, func(r *v1.LookupResourcesResponse) {
		if r.GetPermissionship() == v1.LookupPermissionship_LOOKUP_PERMISSIONSHIP_HAS_PERMISSION {
			ids = append(ids, r.GetResourceObjectId())
		}
	})
	return ids, at, err
}

// LookupSubjects returns the ids of all subjects of a type that have the
// permission on the resource, in no order. A permission that everyone has is
// reported as the id "*".
func (g *Gateway) LookupSubjects(ctx context.Context, resource access.Object, permission, subjectType string) ([]string, access.Token, error) {
	at, err := g.head(ctx)
	if err != nil {
		return nil, "", err
	}
	stream, err := g.permissions.LookupSubjects(ctx, &v1.LookupSubjectsRequest{
		Consistency:       exactly(at),
		Resource:          object(resource),
		Permission:        permission,
		SubjectObjectType: subjectType,
	})
	var ids []string
	err = each(stream, err, func(r *v1.LookupSubjectsResponse) {
		if r.GetSubject().GetPermissionship() == v1.LookupPermissionship_LOOKUP_PERMISSIONSHIP_HAS_PERMISSION {
			ids = append(ids, r.GetSubject().GetSubjectObjectId())
		}
	})
	return ids, at, err
}

// each hands over what a stream brings, to its end, unless it failed to open.
func each[T any](stream interface{ Recv() (T, error) }, opened error, take func(T)) error {
	if opened != nil {
		return apiError(opened)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return apiError(err)
		}
		take(response)
	}
}
