package integration

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestEveryGRPCMethodRefuses calls every method of SpiceDB's own API with every
// credential that is no good for it. Nothing is written, and which methods a key opens
// stands in one list.
func TestEveryGRPCMethodRefuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "refused")
	reader, writer := s.newApp(t, []string{"grpc_read"}), s.newApp(t, []string{"grpc_write"})
	neither := s.newApp(t, []string{"check", "lookup", "explain", "read_audit"}, object{"type": "project", "id": w.id("project")})
	revoked := s.newApp(t, []string{"grpc_read", "grpc_write"})
	revoked.revoke(t)
	ends := time.Now().Add(5 * time.Second).Truncate(time.Second)
	expired := s.operator(t).post(t, "/v1/applications", object{
		"name": "Brief", "scopes": []string{"grpc_write"}, "expires_at": ends.Format(time.RFC3339),
	}).want(t, http.StatusCreated).text(t, "secret")
	time.Sleep(time.Until(ends))

	// What each key opens; it is refused everything else.
	reads := []string{
		"CheckPermission", "CheckBulkPermissions", "ExpandPermissionTree", "ReadRelationships", "LookupResources", "LookupSubjects",
		"ReadSchema", "ReflectSchema", "ComputablePermissions", "DependentRelations", "DiffSchema",
	}
	writes := []string{"WriteRelationships", "DeleteRelationships"}
	offered := slices.Concat(reads, writes)
	credentials := map[string]struct {
		header string
		opens  []string
		dead   bool // it is no credential at all, or none any more
	}{
		"none":                        {"", nil, true},
		"no scheme":                   {s.key, nil, true},
		"another scheme":              {"Basic " + s.key, nil, true},
		"blank":                       {"Bearer ", nil, true},
		"wrong":                       {"Bearer " + strings.Repeat("x", len(s.key)), nil, false},
		"cut short":                   {"Bearer " + s.key[:len(s.key)-1], nil, false},
		"an operator's token":         {"Bearer " + s.operator(t).token, nil, false},
		"unknown key":                 {"Bearer gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_ffffffff", nil, true},
		"revoked key":                 {"Bearer " + revoked.token, nil, true},
		"expired key":                 {"Bearer " + expired, nil, true},
		"key without a scope for it":  {"Bearer " + neither.token, nil, false},
		"key that reads":              {"Bearer " + reader.token, reads, false},
		"key that writes, and so may": {"Bearer " + writer.token, offered, false},
	}
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	requests := map[string]proto.Message{
		"WriteRelationships":  &v1.WriteRelationshipsRequest{Updates: []*v1.RelationshipUpdate{touch("platform", "gatehouse", "operator", "user", "mallory", time.Time{})}},
		"DeleteRelationships": &v1.DeleteRelationshipsRequest{RelationshipFilter: &v1.RelationshipFilter{ResourceType: "partner", OptionalResourceId: w.id("partner")}},
		"WriteSchema":         &v1.WriteSchemaRequest{Schema: "definition user {}"},
	}

	before := s.relationships(t)
	tried := 0
	for _, method := range methods() {
		tried++
		name := string(method.Name())
		var request proto.Message = dynamicpb.NewMessage(method.Input())
		if r := requests[name]; r != nil {
			request = r
		}
		for what, c := range credentials {
			if slices.Contains(c.opens, name) {
				continue
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", c.header)
			if c.header == "" {
				ctx = t.Context()
			}
			want := codes.PermissionDenied
			if c.dead && (slices.Contains(offered, name) || !strings.HasPrefix(c.header, "Bearer gha_")) {
				want = codes.Unauthenticated
			}
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer()},
				"/"+string(method.Parent().FullName())+"/"+name)
			require.NoError(t, err)
			_ = stream.SendMsg(request) // who is refused while sending hears why when receiving
			_ = stream.CloseSend()
			err = stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
			assert.Equal(t, want, status.Code(err), "%s with a key that is %s: %v", method.FullName(), what, err)
			assert.NotContains(t, status.Convert(err).Message(), w.id("partner"))
		}
	}
	assert.Greater(t, tried, 20, "methods were tried")
	assert.Equal(t, before, s.relationships(t))
	_, err = v1.NewPermissionsServiceClient(s.dial(t, reader.token)).CheckPermission(t.Context(), &v1.CheckPermissionRequest{
		Resource: &v1.ObjectReference{ObjectType: "platform", ObjectId: "gatehouse"}, Permission: "operate",
		Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "mallory"}},
	})
	require.NoError(t, err, "the schema is still there")
}

// methods are all that the API of SpiceDB has.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("authzed.api.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for k := range methods.Len() {
				all = append(all, methods.Get(k))
			}
		}
		return true
	})
	return all
}
