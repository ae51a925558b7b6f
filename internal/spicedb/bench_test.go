package spicedb_test

import (
	"context"
	"fmt"
	"testing"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// BenchmarkCheck asks one uncached question in the process, and over gRPC as
// another process would but without the network between.
func BenchmarkCheck(b *testing.B) {
	ctx := b.Context()
	engine, err := spicedb.Start(ctx, spicedb.Config{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(b, gateway.ApplySchema(ctx, schema.Text))

	project := access.Object{Type: access.TypeProject, ID: "p"}
	member := func(i int) access.Object { return access.User(fmt.Sprint("member-", i)) }
	const members = 900
	var w access.Write
	w.Touch(access.Relate(project, "client", access.Object{Type: access.TypeClient, ID: "c"}))
	for i := range members {
		w.Touch(access.Relate(project, "member", member(i)))
	}
	_, err = gateway.Write(ctx, w)
	require.NoError(b, err)

	question := func(i int) access.Check {
		return access.Check{Resource: project, Permission: "view", Subject: access.Subject{Object: member(i % members)}}
	}
	b.Run("in process", func(b *testing.B) {
		i := 0
		for b.Loop() {
			answer, err := engine.Check(ctx, question(i))
			if err != nil || !answer.Allowed {
				b.Fatal(answer, err)
			}
			i++
		}
	})
	b.Run("gRPC", func(b *testing.B) {
		permissions := v1.NewPermissionsServiceClient(engine.Conn())
		i := 0
		for b.Loop() {
			if !allowed(ctx, permissions, question(i)) {
				b.Fatal("denied")
			}
			i++
		}
	})
}

func allowed(ctx context.Context, permissions v1.PermissionsServiceClient, q access.Check) bool {
	answer, err := permissions.CheckPermission(ctx, &v1.CheckPermissionRequest{
		Consistency: &v1.Consistency{Requirement: &v1.Consistency_FullyConsistent{FullyConsistent: true}},
		Resource:    &v1.ObjectReference{ObjectType: q.Resource.Type, ObjectId: q.Resource.ID},
		Permission:  q.Permission,
		Subject:     &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: q.Subject.Type, ObjectId: q.Subject.ID}},
	})
	return err == nil && answer.GetPermissionship() == v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION
}
