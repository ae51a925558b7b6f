package spicedb

import (
	"context"
	"crypto/subtle"
	"errors"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	grpcauth "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/secret"
)

// Admission finds out which key of an application is shown, and fails unless it opens
// SpiceDB's own API, to write if that is wanted. Errors: Unauthenticated, Forbidden, TooMany, Unavailable.
type Admission func(ctx context.Context, shown string, write bool) (access.Object, error)

// applicationMethods are what applications may call, and whether that writes. The
// rest is for whoever has the server's own key: the schema, and streams that would
// go on when the key of an application was revoked.
var applicationMethods = map[string]bool{
	v1.PermissionsService_CheckPermission_FullMethodName:      false,
	v1.PermissionsService_CheckBulkPermissions_FullMethodName: false,
	v1.PermissionsService_ExpandPermissionTree_FullMethodName: false,
	v1.PermissionsService_ReadRelationships_FullMethodName:    false,
	v1.PermissionsService_LookupResources_FullMethodName:      false,
	v1.PermissionsService_LookupSubjects_FullMethodName:       false,
	v1.SchemaService_ReadSchema_FullMethodName:                false,
	v1.SchemaService_ReflectSchema_FullMethodName:             false,
	v1.SchemaService_ComputablePermissions_FullMethodName:     false,
	v1.SchemaService_DependentRelations_FullMethodName:        false,
	v1.SchemaService_DiffSchema_FullMethodName:                false,
	v1.PermissionsService_WriteRelationships_FullMethodName:   true,
	v1.PermissionsService_DeleteRelationships_FullMethodName:  true,
}

// Admit lets applications in from now on, beside whoever has the server's own key.
func (s *Server) Admit(admission Admission) { s.admission.Store(&admission) }

// authorize lets in whoever has the server's own key, and applications.
func (s *Server) authorize(own string) grpcauth.AuthFunc {
	return func(ctx context.Context) (context.Context, error) {
		presented, err := grpcauth.AuthFromMD(ctx, "bearer")
		switch {
		case err != nil:
			return nil, status.Errorf(codes.Unauthenticated, "invalid preshared key: %s", err)
		case presented == "":
			return nil, status.Error(codes.Unauthenticated, "missing preshared key")
		case subtle.ConstantTimeCompare([]byte(own), []byte(presented)) == 1:
			return ctx, nil
		case secret.Is(secret.Application, presented):
			key, err := s.admit(ctx, presented)
			return context.WithValue(ctx, applicationKey{}, key), err
		}
		return nil, status.Error(codes.PermissionDenied, "invalid preshared key: invalid token")
	}
}

// applicationKey is where a call has the key that opened it, if that is an application's.
type applicationKey struct{}

// signed has what applications write say whose it is, and nothing else: what metadata
// say of an actor, a purpose or an attempt is believed.
func signed(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	key, ok := ctx.Value(applicationKey{}).(access.Object)
	if !ok {
		return next(ctx, request)
	}
	signature := &structpb.Struct{Fields: map[string]*structpb.Value{"actor": structpb.NewStringValue(key.String())}}
	switch r := request.(type) {
	case *v1.WriteRelationshipsRequest:
		r.OptionalTransactionMetadata = signature
	case *v1.DeleteRelationshipsRequest:
		r.OptionalTransactionMetadata = signature
	}
	return next(ctx, request)
}

func (s *Server) admit(ctx context.Context, shown string) (access.Object, error) {
	method, _ := grpc.Method(ctx)
	writes, offered := applicationMethods[method]
	admission := s.admission.Load()
	switch {
	case admission == nil:
		return access.Object{}, status.Error(codes.Unavailable, "the server is starting")
	case !offered:
		return access.Object{}, status.Errorf(codes.PermissionDenied, "no application may call %s: it takes the server's own key", method)
	}
	key, err := (*admission)(ctx, shown, writes)
	return key, asStatus(err)
}

func asStatus(err error) error {
	var e *access.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return status.Error(codes.Internal, "something went wrong here")
	case e.Kind == access.Unauthenticated:
		return status.Error(codes.Unauthenticated, e.Detail)
	case e.Kind == access.Forbidden:
		return status.Error(codes.PermissionDenied, e.Detail)
	case e.Kind == access.TooMany:
		return status.Error(codes.ResourceExhausted, e.Detail)
	}
	return status.Error(codes.Unavailable, e.Detail)
}
