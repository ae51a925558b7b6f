package httpapi

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// authzenPath is where AuthZEN's rules hold for what a request may look like.
const authzenPath = "/access/v1/"

func isAuthzen(c *gin.Context) bool { return strings.HasPrefix(c.Request.URL.Path, authzenPath) }

// fields says where the value of each field of an object goes. AuthZEN has fields
// ignored that are not known. They are told apart by their exact names, where
// encoding/json alone would take others' letters for them.
type fields map[string]any

// read reads an object. A field that is null is absent.
// Errors: Malformed (malformed_json, missing_field).
func (f fields) read(text []byte, required ...string) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return access.Fail(access.Malformed, "malformed_json", "there is something else where an object belongs")
	}
	for name, value := range all {
		if string(value) == "null" {
			delete(all, name)
		}
	}
	for _, name := range required {
		if _, ok := all[name]; !ok {
			return missing(name)
		}
	}
	for name, into := range f {
		value, ok := all[name]
		if !ok {
			continue
		}
		err := json.Unmarshal(value, into)
		var inside *access.Error
		switch {
		case errors.As(err, &inside):
			return inside
		case err != nil:
			return access.Fail(access.Malformed, "malformed_json", "%s is not of its type", name)
		}
	}
	return nil
}

func missing(name string) error {
	return access.Fail(access.Malformed, "missing_field", "%s is missing", name)
}

// UnmarshalJSON reads a subject or resource. Its id may be missing here, because
// a search has none.
func (e *Entity) UnmarshalJSON(text []byte) error {
	return fields{"type": &e.Type, "id": &e.ID, "properties": &e.Properties}.read(text, "type")
}

// UnmarshalJSON reads an action.
func (a *Action) UnmarshalJSON(text []byte) error {
	return fields{"name": &a.Name, "properties": &a.Properties}.read(text, "name")
}

// UnmarshalJSON reads an evaluation.
func (e *PartialEvaluation) UnmarshalJSON(text []byte) error {
	return fields{"subject": &e.Subject, "action": &e.Action, "resource": &e.Resource, "context": &e.Context}.read(text)
}

// UnmarshalJSON reads evaluations and what they have in common.
func (r *EvaluationsRequest) UnmarshalJSON(text []byte) error {
	return fields{
		"subject": &r.Subject, "action": &r.Action, "resource": &r.Resource, "context": &r.Context,
		"evaluations": &r.Evaluations, "options": &r.Options,
	}.read(text)
}

// UnmarshalJSON reads how to go through evaluations.
func (o *EvaluationOptions) UnmarshalJSON(text []byte) error {
	return fields{"evaluations_semantic": &o.EvaluationsSemantic}.read(text)
}

// UnmarshalJSON reads a search.
func (r *SearchRequest) UnmarshalJSON(text []byte) error {
	return fields{"subject": &r.Subject, "action": &r.Action, "resource": &r.Resource, "context": &r.Context, "page": &r.Page}.read(text)
}

// UnmarshalJSON reads which page of a search is asked for.
func (p *SearchPage) UnmarshalJSON(text []byte) error {
	return fields{"token": &p.Token, "limit": &p.Limit}.read(text)
}
