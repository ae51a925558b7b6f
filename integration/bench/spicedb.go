package main

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gatehouse/gatehouse/schema"
)

// spicedb starts SpiceDB as it comes, its caches on, and nothing kept on disk.
func (f *field) spicedb(ctx context.Context, program string, qs []question) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	const key = "a-preshared-key"
	err = f.run(ctx, listens(address), program, "serve", "--grpc-addr", address, "--grpc-preshared-key", key,
		"--datastore-engine", "memory", "--metrics-enabled=false", "--telemetry-endpoint", "", "--skip-release-check", "--log-level", "warn")
	if err != nil {
		return err
	}
	conn, err := connect(address, key)
	if err != nil {
		return err
	}
	_, err = v1.NewSchemaServiceClient(conn).WriteSchema(ctx, &v1.WriteSchemaRequest{Schema: schema.Text}, grpc.WaitForReady(true))
	if err == nil {
		err = write(ctx, conn, true)
	}
	if err := errors.Join(err, conn.Close()); err != nil {
		return err
	}
	requests := make([]*v1.CheckPermissionRequest, len(qs))
	for i, q := range qs {
		requests[i] = &v1.CheckPermissionRequest{
			Resource: objectOf("project", q.project), Permission: "view", Subject: &v1.SubjectReference{Object: objectOf("user", q.user)},
		}
	}
	f.enter("spicedb", "SpiceDB, gRPC CheckPermission", false, 1, func() (client, error) {
		conn, err := connect(address, key)
		return &grpcClient{conn: conn, permissions: v1.NewPermissionsServiceClient(conn), requests: requests, questions: qs}, err
	})
	return nil
}

// grpcClient asks as programs in Go do, with authzed's own client.
type grpcClient struct {
	conn        *grpc.ClientConn
	permissions v1.PermissionsServiceClient
	requests    []*v1.CheckPermissionRequest
	questions   []question
}

func (c *grpcClient) ask(n int) error {
	n %= len(c.requests)
	answer, err := c.permissions.CheckPermission(context.Background(), c.requests[n])
	if err != nil {
		return err
	}
	if allowed := answer.GetPermissionship() == v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION; allowed != c.questions[n].allowed {
		return fmt.Errorf("%t to %v", allowed, c.requests[n])
	}
	return nil
}

func (c *grpcClient) hits() int { return 0 }

func (c *grpcClient) close() { _ = c.conn.Close() }

func connect(address, key string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(preshared(key)))
}

// preshared presents a key with every call.
type preshared string

func (p preshared) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(p)}, nil
}

func (preshared) RequireTransportSecurity() bool { return false }

// write writes who is a member of what, and the objects too if nobody else makes them.
func write(ctx context.Context, conn *grpc.ClientConn, objects bool) error {
	var updates []*v1.RelationshipUpdate
	relate := func(resourceType, resourceID, relation, subjectType, subjectID string) {
		updates = append(updates, &v1.RelationshipUpdate{
			Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
			Relationship: &v1.Relationship{
				Resource: objectOf(resourceType, resourceID), Relation: relation, Subject: &v1.SubjectReference{Object: objectOf(subjectType, subjectID)},
			},
		})
	}
	memberships(func(project, user int) { relate("project", projectID(project), "member", "user", userID(user)) })
	if objects {
		relate("partner", partnerID, "platform", "platform", "gatehouse")
		for i := range clients {
			relate("client", clientID(i), "partner", "partner", partnerID)
		}
		for i := range projects {
			relate("project", projectID(i), "client", "client", clientID(clientOf(i)))
		}
	}
	_, err := v1.NewPermissionsServiceClient(conn).WriteRelationships(ctx, &v1.WriteRelationshipsRequest{Updates: updates}, grpc.WaitForReady(true))
	return err
}

func objectOf(objectType, id string) *v1.ObjectReference {
	return &v1.ObjectReference{ObjectType: objectType, ObjectId: id}
}
