package relationships

import (
	"context"
	"iter"
	"strings"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Watch yields every change committed after a token, in order, at least once.
// Moments at which nothing changed are yielded too, as changes without updates,
// so that a follower's place moves on in quiet times. It ends with the context's
// or the store's error, which is Gone (cursor_lost) if what came after the token
// is not known any more, because it was collected or was never in this store, and if
// the token's moment is still to come.
func (g *Gateway) Watch(ctx context.Context, after access.Token) iter.Seq2[access.Change, error] {
	return func(yield func(access.Change, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		if err := g.reached(ctx, after); err != nil {
			yield(access.Change{}, err)
			return
		}
		stream, err := g.watch.Watch(ctx, &v1.WatchRequest{
			OptionalStartCursor: &v1.ZedToken{Token: string(after)},
			OptionalUpdateKinds: []v1.WatchKind{
				v1.WatchKind_WATCH_KIND_INCLUDE_RELATIONSHIP_UPDATES,
				v1.WatchKind_WATCH_KIND_INCLUDE_SCHEMA_UPDATES,
				v1.WatchKind_WATCH_KIND_INCLUDE_CHECKPOINTS,
			},
		})
		for err == nil {
			var response *v1.WatchResponse
			if response, err = stream.Recv(); err == nil && !yield(change(response), nil) {
				return
			}
		}
		yield(access.Change{}, watchError(err))
	}
}

// skew is how far the clocks may be apart by which a SpiceDB's servers tell moments.
const skew = time.Second

// reached fails if the token's moment has not come, as after SpiceDB's database was
// restored, which would be followed from in silence until it has; and if it is one of
// another SpiceDB. Errors: Gone (cursor_lost), those of the context.
func (g *Gateway) reached(ctx context.Context, t access.Token) error {
	ahead := func() error { // what else may be wrong is for Watch to say
		if err := passed(ctx, g.schema, t); access.HasCode(err, "foreign_token") {
			return err
		}
		return nil
	}
	if ahead() == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(skew):
	}
	return lost(ahead())
}

// watchError tells a cursor that will never work again from what passes.
func watchError(err error) error {
	if err == nil {
		return nil
	}
	answer, gone := status.Convert(err), false
	switch answer.Code() {
	case codes.InvalidArgument, codes.OutOfRange: // the cursor is all we ask with that may be wrong
		gone = true
	case codes.Internal:
		// SpiceDB reads the schema at the cursor before it looks at the cursor, and
		// says of a revision that is gone only this, whatever the datastore.
		gone = strings.Contains(answer.Message(), "revision has expired") || strings.Contains(answer.Message(), "revision was invalid")
	}
	if !gone {
		return apiError(err)
	}
	return lost(err)
}

// lost says of a token that nothing can be followed from it.
func lost(err error) error {
	if err == nil {
		return nil
	}
	return &access.Error{
		Kind: access.Gone, Code: "cursor_lost", Cause: err,
		Detail: "what changed after this moment is not known any more",
	}
}

func change(r *v1.WatchResponse) access.Change {
	c := access.Change{
		Cause:  cause(r.GetOptionalTransactionMetadata()),
		Leaves: leaves(r.GetOptionalTransactionMetadata()),
		Schema: r.GetSchemaUpdated(),
		At:     access.Token(r.GetChangesThrough().GetToken()),
	}
	for _, u := range r.GetUpdates() {
		if u.GetRelationship().GetResource().GetObjectType() == beatType {
			continue
		}
		verb := access.Touch
		if u.GetOperation() == v1.RelationshipUpdate_OPERATION_DELETE {
			verb = access.Delete
		}
		c.Updates = append(c.Updates, access.Update{Verb: verb, Relationship: relationship(u.GetRelationship())})
	}
	return c
}

// cause reads the metadata of a write back. Metadata that others wrote may hold
// anything, or nothing.
func cause(s *structpb.Struct) access.Cause {
	text := func(name string) string { return s.GetFields()[name].GetStringValue() }
	actorType, actorID, _ := strings.Cut(text("actor"), ":")
	at, _ := time.Parse(time.RFC3339Nano, text("at")) // zero if it is none
	return access.Cause{
		Operation: text("operation"),
		Actor:     access.Object{Type: actorType, ID: actorID},
		Reason:    text("reason"),
		RequestID: text("request_id"),
		From:      text("from"),
		At:        at.UTC(),
		Attempt:   text("attempt"),
	}
}

// leaves reads back which objects were nobody's subject.
func leaves(s *structpb.Struct) []access.Object {
	var all []access.Object
	for _, v := range s.GetFields()["leaves"].GetListValue().GetValues() {
		if objectType, id, ok := strings.Cut(v.GetStringValue(), ":"); ok {
			all = append(all, access.Object{Type: objectType, ID: id})
		}
	}
	return all
}
