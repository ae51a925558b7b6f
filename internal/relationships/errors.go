package relationships

import (
	"context"
	"fmt"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
)

// apiError says in our words what SpiceDB answered. What it says in its own
// words is kept for the log.
func apiError(err error) error {
	if err == nil {
		return nil
	}
	answer, info := status.Convert(err), reason(err)
	named := info.GetMetadata()
	switch v1.ErrorReason(v1.ErrorReason_value[info.GetReason()]) {
	case v1.ErrorReason_ERROR_REASON_WRITE_OR_DELETE_PRECONDITION_FAILURE:
		return access.ErrPreconditionFailed
	case v1.ErrorReason_ERROR_REASON_UNKNOWN_DEFINITION:
		return access.Fail(access.Invalid, "unknown_type", "the schema has no type %q", named["definition_name"])
	case v1.ErrorReason_ERROR_REASON_UNKNOWN_RELATION_OR_PERMISSION:
		return access.Fail(access.Invalid, "unknown_permission", "%s has no permission %q", named["definition_name"], named["relation_or_permission_name"])
	}
	switch answer.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("SpiceDB refused: %w", err) // a fault of ours, not of its health
	default:
		return access.Down("SpiceDB", err)
	}
}

// reason finds SpiceDB's machine-readable account of an error, nil if there is none.
func reason(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}
