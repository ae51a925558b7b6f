package integration

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var now = &v1.Consistency{Requirement: &v1.Consistency_FullyConsistent{FullyConsistent: true}}

// relationships reads all there are, in zed's notation and in order.
func (s *server) relationships(t *testing.T) []string {
	t.Helper()

	stream, err := v1.NewPermissionsServiceClient(s.conn).ExportBulkRelationships(t.Context(), &v1.ExportBulkRelationshipsRequest{Consistency: now})
	require.NoError(t, err)
	var all []string
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			slices.Sort(all)
			return all
		}
		require.NoError(t, err)
		for _, r := range part.GetRelationships() {
			all = append(all, notation(r))
		}
	}
}

// relate writes a relationship behind the server's back.
func (s *server) relate(t *testing.T, resourceType, resourceID, relation, subjectType, subjectID string) {
	t.Helper()
	s.relateUntil(t, resourceType, resourceID, relation, subjectType, subjectID, time.Time{})
}

// relateUntil writes one that ends, sooner than the API lets anything end.
func (s *server) relateUntil(t *testing.T, resourceType, resourceID, relation, subjectType, subjectID string, end time.Time) {
	t.Helper()

	_, err := v1.NewPermissionsServiceClient(s.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{
		Updates: []*v1.RelationshipUpdate{touch(resourceType, resourceID, relation, subjectType, subjectID, end)},
	})
	require.NoError(t, err)
}

// touch is a relationship to write; without an end, for good.
func touch(resourceType, resourceID, relation, subjectType, subjectID string, end time.Time) *v1.RelationshipUpdate {
	u := &v1.RelationshipUpdate{
		Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
		Relationship: &v1.Relationship{
			Resource: &v1.ObjectReference{ObjectType: resourceType, ObjectId: resourceID}, Relation: relation,
			Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: subjectType, ObjectId: subjectID}},
		},
	}
	if !end.IsZero() {
		u.Relationship.OptionalExpiresAt = timestamppb.New(end)
	}
	return u
}

func notation(r *v1.Relationship) string {
	text := fmt.Sprintf("%s:%s#%s@%s:%s", r.GetResource().GetObjectType(), r.GetResource().GetObjectId(), r.GetRelation(),
		r.GetSubject().GetObject().GetObjectType(), r.GetSubject().GetObject().GetObjectId())
	if r.GetSubject().GetOptionalRelation() != "" {
		text += "#" + r.GetSubject().GetOptionalRelation()
	}
	if end := r.GetOptionalExpiresAt(); end != nil {
		text += "[expiration:" + end.AsTime().Format(time.RFC3339) + "]"
	}
	return text
}
