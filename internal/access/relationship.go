package access

import (
	"fmt"
	"time"
)

// Relationship is one fact: Subject stands in Relation to Resource, until EndsAt
// if that is set.
type Relationship struct {
	Resource Object
	Relation string
	Subject  Subject
	EndsAt   time.Time // zero: no end
}

func (r Relationship) String() string {
	s := fmt.Sprintf("%s#%s@%s", r.Resource, r.Relation, r.Subject)
	if !r.EndsAt.IsZero() {
		s += "[expiration:" + r.EndsAt.UTC().Format(time.RFC3339) + "]"
	}
	return s
}

// Relate builds the relationship between two objects that has no end.
func Relate(resource Object, relation string, subject Object) Relationship {
	return Relationship{Resource: resource, Relation: relation, Subject: Subject{Object: subject}}
}

// Filter describes the relationships with the given traits; an empty field
// matches anything, but one must be set.
type Filter struct {
	ResourceType     string
	ResourceID       string
	ResourceIDPrefix string
	Relation         string
	SubjectType      string
	SubjectID        string
}

// On is the filter for all relationships of one resource under one relation;
// an empty relation means all of them.
func On(resource Object, relation string) Filter {
	return Filter{ResourceType: resource.Type, ResourceID: resource.ID, Relation: relation}
}

// ToType narrows a filter to subjects of one type.
func (f Filter) ToType(subjectType string) Filter {
	f.SubjectType = subjectType
	return f
}

// To narrows a filter to one subject.
func (f Filter) To(subject Object) Filter {
	f.SubjectType, f.SubjectID = subject.Type, subject.ID
	return f
}

// Exactly is the filter that only this relationship matches.
func Exactly(r Relationship) Filter { return On(r.Resource, r.Relation).To(r.Subject.Object) }

func (f Filter) String() string {
	id := f.ResourceID
	switch {
	case f.ResourceIDPrefix != "":
		id = f.ResourceIDPrefix + "…"
	case id == "":
		id = "…"
	}
	s := f.ResourceType + ":" + id + "#" + orAny(f.Relation)
	if f.SubjectType != "" {
		s += "@" + f.SubjectType + ":" + orAny(f.SubjectID)
	}
	return s
}

func orAny(s string) string {
	if s == "" {
		return "…"
	}
	return s
}
