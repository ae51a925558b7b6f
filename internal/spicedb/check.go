package spicedb

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/embedded"
	"github.com/authzed/spicedb/pkg/zedtoken"
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Head names the newest revision. It reads the datastore itself: over gRPC a
// caller may join another's read of the head revision that began before a write
// which was acknowledged since.
func (s *Server) Head(ctx context.Context) (access.Token, error) {
	revision, schemaHash, err := s.layer.HeadRevision(ctx)
	if err != nil {
		return "", access.Down("SpiceDB", err)
	}
	token, err := zedtoken.NewFromRevision(ctx, revision, schemaHash, s.store)
	if err != nil {
		return "", fmt.Errorf("name a revision: %w", err)
	}
	return access.Token(token.GetToken()), nil
}

// Check evaluates at the head of the datastore, in this process and without any
// cache: the exact and the fastest way there is.
// Errors: Invalid (unknown_type, unknown_permission, invalid_context), Unavailable.
func (s *Server) Check(ctx context.Context, c access.Check) (access.Decision, error) {
	// Read before the check, so that the answer is no older than it says.
	at, err := s.Head(ctx)
	if err != nil {
		return access.Decision{}, err
	}
	result, err := s.checker.Check(ctx, embedded.CheckRequest{
		ResourceType: c.Resource.Type, ResourceID: c.Resource.ID, Permission: c.Permission,
		SubjectType: c.Subject.Type, SubjectID: c.Subject.ID, SubjectRelation: c.Subject.Relation,
		CaveatContext: c.Context,
	})
	if err != nil {
		return access.Decision{}, checkError(err)
	}
	return access.Decision{Allowed: result.HasPermission, Conditional: result.IsConditional, CheckedAt: at}, nil
}

// CheckBulk answers checks in their order, as Check does; one that fails leaves the
// rest alone.
func (s *Server) CheckBulk(ctx context.Context, cs []access.Check) []access.Answer {
	answers := make([]access.Answer, len(cs))
	var running errgroup.Group
	running.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, c := range cs {
		running.Go(func() error {
			answers[i].Decision, answers[i].Err = s.Check(ctx, c)
			return nil
		})
	}
	_ = running.Wait() // each answer carries its own error
	return answers
}

// Covers reports whether a check made now is at least as fresh as the token:
// every token of this datastore names a moment that has passed.
// Errors: Invalid (malformed_token, foreign_token), Unavailable.
func (s *Server) Covers(ctx context.Context, t access.Token) error {
	named, err := zedtoken.DecodeRevision(&v1.ZedToken{Token: string(t)}, s.store)
	if err != nil {
		return access.Fail(access.Invalid, "malformed_token", "this is not a ZedToken")
	}
	err = s.store.CheckRevision(ctx, named.Revision)
	var invalid datastore.InvalidRevisionError
	switch {
	case named.Status == zedtoken.StatusMismatchedDatastoreID,
		errors.As(err, &invalid) && invalid.Reason() == datastore.CouldNotDetermineRevision:
		return access.Fail(access.Invalid, "foreign_token", "this ZedToken was not issued by this datastore")
	case err != nil && invalid.Reason() != datastore.RevisionStale:
		return checkError(err)
	}
	return nil
}

// checkError tells a question nobody can answer from a failure to answer it.
func checkError(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	var noRelation interface {
		NamespaceName() string
		NotFoundRelationName() string
	}
	if errors.As(err, &noRelation) {
		return access.Fail(access.Invalid, "unknown_permission", "%s has no permission %q", noRelation.NamespaceName(), noRelation.NotFoundRelationName())
	}
	var noType interface{ NotFoundNamespaceName() string }
	if errors.As(err, &noType) {
		return access.Fail(access.Invalid, "unknown_type", "the schema has no type %q", noType.NotFoundNamespaceName())
	}
	var unfit interface{ DetailsMetadata() map[string]string }
	if errors.As(err, &unfit) && unfit.DetailsMetadata()["caveat_name"] != "" {
		return access.Fail(access.Invalid, "invalid_context", "the context is not such as the caveat %q can be evaluated in", unfit.DetailsMetadata()["caveat_name"])
	}
	return access.Down("SpiceDB", err)
}
