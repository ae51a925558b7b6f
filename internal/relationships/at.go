package relationships

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/gatehouse/gatehouse/internal/access"
)

// ReadAt returns the relationships that matched any of the filters at a moment.
func (g *Gateway) ReadAt(ctx context.Context, at access.Token, filters ...access.Filter) ([]access.Relationship, error) {
	return g.readAt(ctx, at, filters)
}

// CheckAt answers checks, in their order, as of a moment.
func (g *Gateway) CheckAt(ctx context.Context, at access.Token, checks ...access.Check) ([]bool, error) {
	const batch = 1000
	allowed := make([]bool, 0, len(checks))
	for some := range slices.Chunk(checks, batch) {
		request := &v1.CheckBulkPermissionsRequest{Consistency: exactly(at)}
		for _, c := range some {
			request.Items = append(request.Items, &v1.CheckBulkPermissionsRequestItem{
				Resource: object(c.Resource), Permission: c.Permission, Subject: subject(c.Subject),
			})
		}
		response, err := g.permissions.CheckBulkPermissions(ctx, request)
		if err != nil {
			return nil, apiError(err)
		}
		for _, pair := range response.GetPairs() {
			if fault := pair.GetError(); fault != nil {
				return nil, access.Down("SpiceDB", fmt.Errorf("check %s: %s", pair.GetRequest().GetPermission(), fault.GetMessage()))
			}
			allowed = append(allowed, pair.GetItem().GetPermissionship() == v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION)
		}
	}
	return allowed, nil
}
