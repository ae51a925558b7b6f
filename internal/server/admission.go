package server

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/httpapi"
	"github.com/gatehouse/gatehouse/internal/limits"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/uses"
)

// admission lets applications call SpiceDB's own API, as often as ours: reading is
// asking, and writing is a request.
func admission(o *operations.Operations, used *uses.Uses, bounds httpapi.Limits) spicedb.Admission {
	questions := limits.New("calls", bounds.Questions, time.Now)
	return func(ctx context.Context, shown string, write bool) (access.Object, error) {
		scope, bound, code := "grpc_read", questions, "too_many_questions"
		if write {
			scope, bound, code = "grpc_write", bounds.Requests, "too_many_requests"
		}
		key, err := o.MayCall(ctx, shown, scope)
		if err != nil {
			return key, err
		}
		if wait := bound.Take(ctx, key.String()); wait > 0 {
			return key, &access.Error{Kind: access.TooMany, Code: code, RetryAfter: wait, Detail: "there are too many of these calls, try again later"}
		}
		used.Used(key.ID)
		return key, nil
	}
}
