package relationships

import (
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gatehouse/gatehouse/internal/access"
)

func object(o access.Object) *v1.ObjectReference {
	return &v1.ObjectReference{ObjectType: o.Type, ObjectId: o.ID}
}

func subject(s access.Subject) *v1.SubjectReference {
	return &v1.SubjectReference{Object: object(s.Object), OptionalRelation: s.Relation}
}

func update(u access.Update) *v1.RelationshipUpdate {
	operation := v1.RelationshipUpdate_OPERATION_TOUCH
	if u.Verb == access.Delete {
		operation = v1.RelationshipUpdate_OPERATION_DELETE
	}
	r := &v1.Relationship{
		Resource: object(u.Relationship.Resource),
		Relation: u.Relationship.Relation,
		Subject:  subject(u.Relationship.Subject),
	}
	if !u.Relationship.EndsAt.IsZero() && u.Verb == access.Touch {
		r.OptionalExpiresAt = timestamppb.New(u.Relationship.EndsAt)
	}
	return &v1.RelationshipUpdate{Operation: operation, Relationship: r}
}

func precondition(p access.Precondition) *v1.Precondition {
	operation := v1.Precondition_OPERATION_MUST_MATCH
	if p.MustFail {
		operation = v1.Precondition_OPERATION_MUST_NOT_MATCH
	}
	return &v1.Precondition{Operation: operation, Filter: filter(p.Filter)}
}

func filter(f access.Filter) *v1.RelationshipFilter {
	converted := &v1.RelationshipFilter{
		ResourceType:             f.ResourceType,
		OptionalResourceId:       f.ResourceID,
		OptionalResourceIdPrefix: f.ResourceIDPrefix,
		OptionalRelation:         f.Relation,
	}
	if f.SubjectType != "" {
		converted.OptionalSubjectFilter = &v1.SubjectFilter{SubjectType: f.SubjectType, OptionalSubjectId: f.SubjectID}
	}
	return converted
}

// latest is the last moment that JSON can tell. Other tools may set later ends.
var latest = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

func relationship(r *v1.Relationship) access.Relationship {
	converted := access.Relationship{
		Resource: access.Object{Type: r.GetResource().GetObjectType(), ID: r.GetResource().GetObjectId()},
		Relation: r.GetRelation(),
		Subject: access.Subject{
			Object: access.Object{
				Type: r.GetSubject().GetObject().GetObjectType(),
				ID:   r.GetSubject().GetObject().GetObjectId(),
			},
			Relation: r.GetSubject().GetOptionalRelation(),
		},
	}
	if end := r.GetOptionalExpiresAt(); end != nil {
		converted.EndsAt = end.AsTime()
		if converted.EndsAt.After(latest) {
			converted.EndsAt = latest
		}
	}
	return converted
}

func metadata(c access.Cause, leaves []access.Object) *structpb.Struct {
	fields := map[string]*structpb.Value{
		"operation": structpb.NewStringValue(c.Operation),
		"actor":     structpb.NewStringValue(c.Actor.String()),
	}
	if c.Reason != "" {
		fields["reason"] = structpb.NewStringValue(c.Reason)
	}
	if c.RequestID != "" {
		fields["request_id"] = structpb.NewStringValue(c.RequestID)
	}
	if c.From != "" {
		fields["from"] = structpb.NewStringValue(c.From)
	}
	if c.Attempt != "" {
		fields["attempt"] = structpb.NewStringValue(c.Attempt)
	}
	if len(leaves) > 0 {
		var list structpb.ListValue
		for _, leaf := range leaves {
			list.Values = append(list.Values, structpb.NewStringValue(leaf.String()))
		}
		fields["leaves"] = structpb.NewListValue(&list)
	}
	if !c.At.IsZero() {
		fields["at"] = structpb.NewStringValue(c.At.UTC().Format(time.RFC3339Nano))
	}
	return &structpb.Struct{Fields: fields}
}
