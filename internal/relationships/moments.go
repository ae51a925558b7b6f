package relationships

import (
	"context"
	"strings"
	"sync"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Moments tells of a SpiceDB that runs by itself what moment it is, and evaluates
// checks at it. SpiceDB's own word for the present, fully consistent, may be older
// than a write acknowledged before: it lets those who ask share one look. A write of
// our own that began after the question arrived cannot be; it changes nothing. Those
// who arrive before it begins share it.
type Moments struct {
	permissions v1.PermissionsServiceClient
	schema      v1.SchemaServiceClient

	mu     sync.Mutex
	next   *moment // has not begun: whoever arrives now waits for it
	asking bool
}

// moment is one that is being asked for.
type moment struct {
	known chan struct{} // closed once it is
	at    access.Token
	err   error
}

const (
	// pause is how long two writes are apart at least: SpiceDB keeps a row of each
	// for as long as it keeps history.
	pause = 5 * time.Millisecond
	// patience is how long a write may take.
	patience = 2 * time.Second
)

// NewMoments asks over a connection.
func NewMoments(conn grpc.ClientConnInterface) *Moments {
	return &Moments{permissions: v1.NewPermissionsServiceClient(conn), schema: v1.NewSchemaServiceClient(conn)}
}

// Head names a moment no older than the call. Errors: Unavailable.
func (m *Moments) Head(ctx context.Context) (access.Token, error) {
	joined := m.join()
	select {
	case <-joined.known:
		return joined.at, joined.err
	case <-ctx.Done():
		return "", apiError(status.FromContextError(ctx.Err()).Err())
	}
}

func (m *Moments) join() *moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next == nil {
		m.next = &moment{known: make(chan struct{})}
	}
	if !m.asking {
		m.asking = true
		go m.ask() // whoever came first may leave, and others still want to know
	}
	return m.next
}

// ask asks for one moment after the other, until nobody waits.
func (m *Moments) ask() {
	for now := m.begin(); now != nil; now = m.begin() {
		again := time.NewTimer(pause)
		now.at, now.err = m.beat()
		close(now.known)
		<-again.C
	}
}

func (m *Moments) begin() *moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.next
	m.next, m.asking = nil, now != nil
	return now
}

// beat writes the one relationship of servers, which is there but for the first time.
func (m *Moments) beat() (access.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	servers := &v1.ObjectReference{ObjectType: beatType, ObjectId: "gatehouse"}
	response, err := m.permissions.WriteRelationships(ctx, &v1.WriteRelationshipsRequest{Updates: []*v1.RelationshipUpdate{{
		Operation:    v1.RelationshipUpdate_OPERATION_TOUCH,
		Relationship: &v1.Relationship{Resource: servers, Relation: "beat", Subject: &v1.SubjectReference{Object: servers}},
	}}})
	if err != nil {
		return "", apiError(err)
	}
	return access.Token(response.GetWrittenAt().GetToken()), nil
}

// beatType is the type of that relationship's resource. It says nothing about
// anybody, so neither Watch nor an export tells of it.
const beatType = access.TypeGatehouse

// Check evaluates at a moment no older than the call.
// Errors: Invalid (unknown_type, unknown_permission), Unavailable.
func (m *Moments) Check(ctx context.Context, c access.Check) (access.Decision, error) {
	answer := m.CheckBulk(ctx, []access.Check{c})[0]
	return answer.Decision, answer.Err
}

// CheckBulk evaluates checks in their order, all at one moment; one that fails leaves
// the rest alone. Errors: those of Check.
func (m *Moments) CheckBulk(ctx context.Context, cs []access.Check) []access.Answer {
	answers := make([]access.Answer, len(cs))
	if len(cs) == 0 {
		return answers
	}
	response, err := m.evaluate(ctx, cs)
	for i, c := range cs {
		if err != nil {
			answers[i].Err = err
			continue
		}
		answers[i] = answer(c, response.GetPairs()[i], response.GetCheckedAt())
	}
	return answers
}

func (m *Moments) evaluate(ctx context.Context, cs []access.Check) (*v1.CheckBulkPermissionsResponse, error) {
	request := &v1.CheckBulkPermissionsRequest{}
	for _, c := range cs {
		item := &v1.CheckBulkPermissionsRequestItem{Resource: object(c.Resource), Permission: c.Permission, Subject: subject(c.Subject)}
		var err error
		if item.Context, err = structpb.NewStruct(c.Context); err != nil {
			return nil, err
		}
		request.Items = append(request.Items, item)
	}
	at, err := m.Head(ctx)
	if err != nil {
		return nil, err
	}
	request.Consistency = &v1.Consistency{Requirement: &v1.Consistency_AtLeastAsFresh{AtLeastAsFresh: &v1.ZedToken{Token: string(at)}}}
	response, err := m.permissions.CheckBulkPermissions(ctx, request)
	if err == nil && len(response.GetPairs()) != len(cs) {
		err = status.Error(codes.Internal, "answers and questions differ in number")
	}
	return response, apiError(err)
}

func answer(c access.Check, pair *v1.CheckBulkPermissionsPair, at *v1.ZedToken) access.Answer {
	denied := access.Answer{Decision: access.Decision{CheckedAt: access.Token(at.GetToken())}}
	if fault := pair.GetError(); fault != nil {
		err := status.ErrorProto(fault)
		if unknownSubject(c, err) {
			return denied
		}
		return access.Answer{Err: apiError(err)}
	}
	permissionship := pair.GetItem().GetPermissionship()
	return access.Answer{Decision: access.Decision{
		Allowed:     permissionship == v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION,
		Conditional: permissionship == v1.CheckPermissionResponse_PERMISSIONSHIP_CONDITIONAL_PERMISSION,
		CheckedAt:   denied.Decision.CheckedAt,
	}}
}

// unknownSubject tells a subject of which the schema knows nothing, who is simply
// not allowed, from a resource or permission of which it knows nothing.
func unknownSubject(c access.Check, err error) bool {
	named := reason(err).GetMetadata()
	switch v1.ErrorReason(v1.ErrorReason_value[reason(err).GetReason()]) {
	case v1.ErrorReason_ERROR_REASON_UNKNOWN_DEFINITION:
		return named["definition_name"] != c.Resource.Type
	case v1.ErrorReason_ERROR_REASON_UNKNOWN_RELATION_OR_PERMISSION:
		return named["definition_name"] != c.Resource.Type || named["relation_or_permission_name"] != c.Permission
	}
	return false
}

// Covers fails unless the token names a moment that has passed, which no check made
// now is older than. Errors: Invalid (malformed_token, foreign_token), Unavailable.
func (m *Moments) Covers(ctx context.Context, t access.Token) error { return passed(ctx, m.schema, t) }

// passed fails unless the token names a moment that has passed. Errors: those of Covers.
func passed(ctx context.Context, schema v1.SchemaServiceClient, t access.Token) error {
	malformed := access.Fail(access.Invalid, "malformed_token", "this is not a ZedToken")
	if t == "" {
		return malformed
	}
	// Anything that is read at an exact moment would do.
	_, err := schema.ReflectSchema(ctx, &v1.ReflectSchemaRequest{
		Consistency:     exactly(t),
		OptionalFilters: []*v1.ReflectionSchemaFilter{{OptionalDefinitionNameFilter: beatType}},
	})
	answer := status.Convert(err)
	switch {
	case err == nil:
		return nil
	case answer.Code() == codes.InvalidArgument:
		return malformed
	case answer.Code() == codes.OutOfRange && strings.Contains(answer.Message(), "expired"):
		return nil // it passed so long ago that it is not kept any more
	case answer.Code() == codes.OutOfRange, strings.Contains(answer.Message(), "different datastore instance"):
		return access.Fail(access.Invalid, "foreign_token", "this ZedToken was not issued by this datastore")
	}
	return apiError(err)
}
