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
	if err != nil {
		return nil, "", apiError(err)
	}
	var ids []string
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return ids, at, nil
		}
		if err != nil {
			return nil, "", apiError(err)
		}
		if response.GetPermissionship() == v1.LookupPermissionship_LOOKUP_PERMISSIONSHIP_HAS_PERMISSION {
			ids = append(ids, response.GetResourceObjectId())
		}
	}
}

// LookupSubjects returns the ids of all subjects of a type that have the
// permission on the resource, in no order. A permission that everyone has
// is reported as the id "*".
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
	if err != nil {
		return nil, "", apiError(err)
	}
	var ids []string
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return ids, at, nil
		}
		if err != nil {
			return nil, "", apiError(err)
		}
		if response.GetSubject().GetPermissionship() == v1.LookupPermissionship_LOOKUP_PERMISSIONSHIP_HAS_PERMISSION {
			ids = append(ids, response.GetSubject().GetSubjectObjectId())
		}
	}
}
