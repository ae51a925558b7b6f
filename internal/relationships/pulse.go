package relationships

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Pulse lets whoever follows the changes of a SpiceDB that runs by itself prove how
// far they have come: it changes something, and waits to be told of it.
type Pulse struct {
	permissions v1.PermissionsServiceClient
	schema      v1.SchemaServiceClient
	text        string

	mu      sync.Mutex
	last    *v1.Relationship
	awaited string // the attempt of the last write
	at      access.Token
	passed  bool
}

// NewPulse makes one over a connection. The text is the schema by which the changes
// are understood.
func NewPulse(conn grpc.ClientConnInterface, text string) *Pulse {
	return &Pulse{permissions: v1.NewPermissionsServiceClient(conn), schema: v1.NewSchemaServiceClient(conn), text: text}
}

// pulseLife is how long the last relationship of a server that has ended stays.
const pulseLife = time.Minute

// Moment names a moment after everything committed before the call. There is one to
// wait for at a time.
func (p *Pulse) Moment(ctx context.Context) (access.Token, error) {
	next := &v1.Relationship{
		Resource: &v1.ObjectReference{ObjectType: beatType, ObjectId: "gatehouse"}, Relation: "pulse",
		Subject:           &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: beatType, ObjectId: rand.Text()}},
		OptionalExpiresAt: timestamppb.New(time.Now().Add(pulseLife)),
	}
	updates := []*v1.RelationshipUpdate{{Operation: v1.RelationshipUpdate_OPERATION_TOUCH, Relationship: next}}
	attempt := rand.Text()
	p.mu.Lock()
	p.awaited, p.passed, p.at = attempt, false, ""
	if p.last != nil {
		updates = append(updates, &v1.RelationshipUpdate{Operation: v1.RelationshipUpdate_OPERATION_DELETE, Relationship: p.last})
	}
	p.mu.Unlock()
	response, err := p.permissions.WriteRelationships(ctx, &v1.WriteRelationshipsRequest{
		Updates: updates, OptionalTransactionMetadata: metadata(access.Cause{Operation: "pulse", Actor: access.System, Attempt: attempt}, nil),
	})
	if err != nil {
		return "", apiError(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.at = next, access.Token(response.GetWrittenAt().GetToken())
	return p.at, nil
}

// Handled hears of each change that the follower is done with.
func (p *Pulse) Handled(c access.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed = p.passed || c.Cause.Attempt != "" && c.Cause.Attempt == p.awaited
}

// Passed reports whether the follower is done with all that came before the moment.
func (p *Pulse) Passed(_ context.Context, _, moment access.Token) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed && moment == p.at, nil
}

// InForce reports whether the schema at a moment, or at a later one, says the same as
// the text. Errors: Unavailable.
func (p *Pulse) InForce(ctx context.Context, at access.Token) (bool, error) {
	compared, err := p.schema.DiffSchema(ctx, &v1.DiffSchemaRequest{
		ComparisonSchema: p.text,
		Consistency:      &v1.Consistency{Requirement: &v1.Consistency_AtLeastAsFresh{AtLeastAsFresh: &v1.ZedToken{Token: string(at)}}},
	})
	return err == nil && len(compared.GetDiffs()) == 0, apiError(err)
}
