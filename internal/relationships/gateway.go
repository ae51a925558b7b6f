// Package relationships is the gateway to SpiceDB's API through authzed-go: it
// writes, reads, looks up and watches relationships, and says in the words of
// package access what went wrong.
package relationships

import (
	"context"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Gateway speaks to one SpiceDB.
type Gateway struct {
	permissions v1.PermissionsServiceClient
	schema      v1.SchemaServiceClient
	watch       v1.WatchServiceClient
	head        Head
}

var _ access.Relationships = (*Gateway)(nil)

// Head names the present moment. It must not be older than any write
// acknowledged before the call; SpiceDB's gRPC API alone does not promise that,
// because it lets callers share one read of the head revision.
type Head func(context.Context) (access.Token, error)

// New makes a gateway over a connection.
func New(conn grpc.ClientConnInterface, head Head) *Gateway {
	return &Gateway{
		permissions: v1.NewPermissionsServiceClient(conn),
		schema:      v1.NewSchemaServiceClient(conn),
		watch:       v1.NewWatchServiceClient(conn),
		head:        head,
	}
}

// Head names the present moment.
func (g *Gateway) Head(ctx context.Context) (access.Token, error) { return g.head(ctx) }

// Write commits all of w or nothing; a write without updates is the present moment.
// Errors: ErrPreconditionFailed.
func (g *Gateway) Write(ctx context.Context, w access.Write) (access.Token, error) {
	if len(w.Updates) == 0 {
		return g.head(ctx)
	}
	request := &v1.WriteRelationshipsRequest{OptionalTransactionMetadata: metadata(w.Cause, w.Leaves())}
	for _, u := range w.Updates {
		request.Updates = append(request.Updates, update(u))
	}
	for _, p := range w.Preconditions {
		request.OptionalPreconditions = append(request.OptionalPreconditions, precondition(p))
	}
	response, err := g.permissions.WriteRelationships(ctx, request)
	if err != nil {
		return "", apiError(err)
	}
	return access.Token(response.GetWrittenAt().GetToken()), nil
}

// Forget deletes every relationship of which this is the subject, or nothing.
// Errors: ErrPreconditionFailed.
func (g *Gateway) Forget(ctx context.Context, subject access.Object, ps []access.Precondition, c access.Cause) (access.Token, error) {
	request := &v1.DeleteRelationshipsRequest{
		RelationshipFilter:          filter(access.Filter{}.To(subject)),
		OptionalTransactionMetadata: metadata(c, nil),
	}
	for _, p := range ps {
		request.OptionalPreconditions = append(request.OptionalPreconditions, precondition(p))
	}
	response, err := g.permissions.DeleteRelationships(ctx, request)
	if err != nil {
		return "", apiError(err)
	}
	return access.Token(response.GetDeletedAt().GetToken()), nil
}

// Read returns the live relationships that match any of the filters, all read at
// one moment no older than any write acknowledged before the call.
func (g *Gateway) Read(ctx context.Context, filters ...access.Filter) ([]access.Relationship, access.Token, error) {
	at, err := g.head(ctx)
	if err != nil {
		return nil, "", err
	}
	found, err := g.readAt(ctx, at, filters)
	return found, at, err
}

func (g *Gateway) readAt(ctx context.Context, at access.Token, filters []access.Filter) ([]access.Relationship, error) {
	var found []access.Relationship
	seen := map[access.Filter]bool{} // filters may overlap
	for _, f := range filters {
		stream, err := g.permissions.ReadRelationships(ctx, &v1.ReadRelationshipsRequest{
			Consistency:        exactly(at),
			RelationshipFilter: filter(f),
		})
		if err := each(stream, err, func(response *v1.ReadRelationshipsResponse) {
			r := relationship(response.GetRelationship())
			if !seen[access.Exactly(r)] {
				seen[access.Exactly(r)] = true
				found = append(found, r)
			}
		}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func exactly(at access.Token) *v1.Consistency {
	return &v1.Consistency{Requirement: &v1.Consistency_AtExactSnapshot{AtExactSnapshot: &v1.ZedToken{Token: string(at)}}}
}

// Exists reports whether anything is related to an object as a resource.
func (g *Gateway) Exists(ctx context.Context, o access.Object) (bool, error) {
	found, _, err := g.Read(ctx, access.On(o, ""))
	return len(found) > 0, err
}
