package relationships

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/authzed/authzed-go/pkg/requestmeta"
	"github.com/authzed/authzed-go/pkg/responsemeta"
	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	sent "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Examination looks at a SpiceDB that runs by itself. It changes nothing there.
type Examination struct {
	permissions v1.PermissionsServiceClient
	schema      v1.SchemaServiceClient
	watch       v1.WatchServiceClient
}

// NewExamination looks over a connection.
func NewExamination(conn grpc.ClientConnInterface) *Examination {
	return &Examination{v1.NewPermissionsServiceClient(conn), v1.NewSchemaServiceClient(conn), v1.NewWatchServiceClient(conn)}
}

// What it may find instead of an answer.
var (
	ErrKeyRefused = errors.New("SpiceDB refuses the preshared key")
	ErrNoSchema   = errors.New("SpiceDB has no schema yet")
	ErrUnwatched  = errors.New("SpiceDB does not tell of changes")
)

// Known is what SpiceDB says first.
type Known struct {
	Version string       // such as v1.57.1; empty if it does not say
	At      access.Token // the moment it was asked
	Edition int          // of the schema it has; 0: it is none of ours
}

// First asks which SpiceDB it is, and for its schema.
// Errors: ErrKeyRefused, ErrNoSchema with the version, Unavailable.
func (e *Examination) First(ctx context.Context) (Known, error) {
	var header, trailer sent.MD // which one says the version has changed over time
	asking := requestmeta.AddRequestHeaders(ctx, requestmeta.RequestServerVersion)
	there, err := e.schema.ReadSchema(asking, &v1.ReadSchemaRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
	known := Known{At: access.Token(there.GetReadAt().GetToken()), Edition: edition(there.GetSchemaText())}
	for _, said := range sent.Join(header, trailer).Get(string(responsemeta.ServerVersion)) {
		known.Version = said
	}
	switch status.Code(err) {
	case codes.NotFound:
		return known, ErrNoSchema
	case codes.Unauthenticated, codes.PermissionDenied:
		return known, ErrKeyRefused
	}
	return known, plainly(err)
}

// Edition is which one a schema says it is.
func Edition(text string) int { return edition(text) }

// Drift counts the differences between its schema and a text. Errors: Unavailable.
func (e *Examination) Drift(ctx context.Context, text string) (int, error) {
	compared, err := e.schema.DiffSchema(ctx, &v1.DiffSchemaRequest{ComparisonSchema: text, Consistency: fullyConsistent()})
	return len(compared.GetDiffs()), plainly(err)
}

// Remembers reports whether it answers a question from its dispatch cache that it has
// answered before: the same one of the same moment, asked twice. Errors: Unavailable.
func (e *Examination) Remembers(ctx context.Context, at access.Token) (bool, error) {
	servers := &v1.ObjectReference{ObjectType: beatType, ObjectId: "gatehouse"}
	question := &v1.CheckPermissionRequest{
		Consistency: exactly(at), Resource: servers, Permission: "beat", Subject: &v1.SubjectReference{Object: servers},
	}
	remembered := 0
	for range 2 {
		var trailer sent.MD
		if _, err := e.permissions.CheckPermission(ctx, question, grpc.Trailer(&trailer)); err != nil {
			return false, plainly(err)
		}
		for _, said := range trailer.Get(string(responsemeta.CachedOperationsCount)) {
			remembered, _ = strconv.Atoi(said)
		}
	}
	return remembered > 0, nil
}

// Watches fails with ErrUnwatched if it does not tell of changes, as on a Postgres
// that does not keep the times of commits. It listens for as long as the patience lasts
// unless it is told something before. Errors: Unavailable.
func (e *Examination) Watches(ctx context.Context, at access.Token, patience time.Duration) error {
	listening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changes, err := e.watch.Watch(listening, &v1.WatchRequest{
		OptionalStartCursor: &v1.ZedToken{Token: string(at)}, OptionalUpdateKinds: []v1.WatchKind{v1.WatchKind_WATCH_KIND_INCLUDE_CHECKPOINTS},
	})
	if err == nil {
		_, err = changes.Recv()
	}
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.DeadlineExceeded, codes.Canceled: // which of them, depends on who minds the time first
		return ctx.Err() // nil: it was quiet
	case codes.FailedPrecondition, codes.Unimplemented: // the latter of one that has known since its start
		return ErrUnwatched
	}
	return plainly(err)
}

func fullyConsistent() *v1.Consistency {
	return &v1.Consistency{Requirement: &v1.Consistency_FullyConsistent{FullyConsistent: true}}
}

// plainly is what SpiceDB, or the way to it, said.
func plainly(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(status.Convert(err).Message())
}
