package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"
)

// The AuthZEN Authorization API 1.0, rule by rule.

const (
	evaluationPath  = "/access/v1/evaluation"
	evaluationsPath = "/access/v1/evaluations"
	subjectsPath    = "/access/v1/search/subject"
	resourcesPath   = "/access/v1/search/resource"
	actionsPath     = "/access/v1/search/action"
)

var authzenPaths = []string{evaluationPath, evaluationsPath, subjectsPath, resourcesPath, actionsPath}

func entity(objectType, id string) object { return object{"type": objectType, "id": id} }

func evaluation(subject object, action string, resource object) object {
	return object{"subject": subject, "action": object{"name": action}, "resource": resource}
}

// with is the object with another value in a field, or without the field.
func (o object) with(field string, value any) object {
	other := object{}
	for name, v := range o {
		other[name] = v
	}
	if other[field] = value; value == nil {
		delete(other, field)
	}
	return other
}

// TestAuthzenDecisions answers with a decision and nothing else, whatever is asked.
func TestAuthzenDecisions(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "decisions")
	mia := entity("user", w.add(t, "project", w.email("mia"), "project_member"))
	project := entity("project", w.id("project"))

	for name, c := range map[string]struct {
		question object
		decision bool
	}{
		"permitted":                       {evaluation(mia, "view", project), true},
		"denied":                          {evaluation(mia, "administer", project), false},
		"an e-mail as the id of a user":   {evaluation(entity("user", w.email("mia")), "view", project), true},
		"an e-mail in another case":       {evaluation(entity("user", strings.ToUpper(w.email("mia"))), "view", project), true},
		"unknown e-mail":                  {evaluation(entity("user", "nobody@unknown.example"), "view", project), false},
		"impossible e-mail":               {evaluation(entity("user", "@"), "view", project), false},
		"unknown subject":                 {evaluation(entity("user", "nobody"), "view", project), false},
		"everybody":                       {evaluation(entity("user", "*"), "view", project), false},
		"impossible subject":              {evaluation(entity("user", "spaced out"), "view", project), false},
		"empty subject":                   {evaluation(entity("user", ""), "view", project), false},
		"unknown subject type":            {evaluation(entity("unicorn", "a"), "view", project), false},
		"unknown resource":                {evaluation(mia, "view", entity("project", "another")), false},
		"impossible resource":             {evaluation(mia, "view", entity("project", "a b")), false},
		"unknown resource type":           {evaluation(mia, "view", entity("unicorn", "a")), false},
		"resource type that is no name":   {evaluation(mia, "view", entity("A Unicorn", "a")), false},
		"unknown action":                  {evaluation(mia, "fly", project), false},
		"action that is no name":          {evaluation(mia, "GET /", project), false},
		"empty action":                    {evaluation(mia, "", project), false},
		"empty context":                   {evaluation(mia, "view", project).with("context", object{}), true},
		"context that nothing asks for":   {evaluation(mia, "view", project).with("context", object{"ip": "10.0.0.1", "Day": []int{1}}), true},
		"properties nothing asks for":     {evaluation(mia.with("properties", object{"a": object{"B": nil}}), "view", project), true},
		"unknown fields":                  {evaluation(mia.with("email", "x"), "view", project.with("Relation", 1)).with("consistency", "x"), true},
		"unknown fields in other letters": {evaluation(mia, "view", project).with("SUBJECT", entity("user", "nobody")), true},
		"options of another API":          {evaluation(mia, "view", project).with("evaluations", 7).with("options", 7), true},
	} {
		t.Run(name, func(t *testing.T) {
			got := shared.operator(t).post(t, evaluationPath, c.question).want(t, http.StatusOK)
			assert.JSONEq(t, fmt.Sprintf(`{"decision":%t}`, c.decision), string(got.body))
			assert.Contains(t, got.header.Get("Content-Type"), "application/json")
		})
	}
}

// TestAuthzenTakesNullForAbsent, though the contract says that it should be left out.
func TestAuthzenTakesNullForAbsent(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "null")
	mia := entity("user", w.add(t, "project", w.email("mia"), "project_member")).with("properties", nothing{})
	question := evaluation(mia, "view", entity("project", w.id("project"))).with("context", nothing{}).with("evaluations", nothing{}).with("options", nothing{})

	for _, path := range []string{evaluationPath, evaluationsPath} {
		request, _, err := shared.operator(t).request(http.MethodPost, path, question)
		require.NoError(t, err)
		got, err := shared.exchange(request)
		require.NoError(t, err)
		assert.JSONEq(t, `{"decision":true}`, string(got.want(t, http.StatusOK).body))
	}
}

// nothing is null in JSON.
type nothing struct{}

// MarshalJSON writes it.
func (nothing) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// TestAuthzenRefusesWhatIsMalformed with 400, on every endpoint that it is malformed for.
func TestAuthzenRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	operator := shared.operator(t)
	good := evaluation(entity("user", "ann"), "view", entity("project", "p"))

	for name, c := range map[string]struct {
		body  any
		code  string
		paths []string
	}{
		"nothing":                      {"", "malformed_json", authzenPaths},
		"no JSON":                      {"{", "malformed_json", authzenPaths},
		"two values":                   {"{} {}", "malformed_json", authzenPaths},
		"invalid UTF-8":                {"{\"subject\xff\":1}", "malformed_json", authzenPaths},
		"array":                        {"[]", "malformed_json", authzenPaths},
		"null":                         {"null", "malformed_json", authzenPaths},
		"text":                         {`"subject"`, "malformed_json", authzenPaths},
		"one member twice":             {`{"subject":{"type":"user","id":"a","id":"b"}}`, "repeated_field", authzenPaths},
		"unknown member twice":         {`{"x":1,"\u0078":2}`, "repeated_field", authzenPaths},
		"empty object":                 {object{}, "missing_field", authzenPaths},
		"no subject":                   {good.with("subject", nil), "missing_field", authzenPaths},
		"null subject":                 {good.with("subject", nothing{}), "missing_field", authzenPaths},
		"subject in other letters":     {good.with("subject", nil).with("Subject", good["subject"]), "missing_field", authzenPaths},
		"subject that is text":         {good.with("subject", "user:ann"), "malformed_json", authzenPaths},
		"subject that is an array":     {good.with("subject", []any{}), "malformed_json", authzenPaths},
		"subject without type":         {good.with("subject", object{"id": "ann"}), "missing_field", authzenPaths},
		"subject of numeric type":      {good.with("subject", object{"type": 1, "id": "ann"}), "malformed_json", authzenPaths},
		"subject without id":           {good.with("subject", object{"type": "user"}), "missing_field", []string{evaluationPath, evaluationsPath, resourcesPath, actionsPath}},
		"subject with numeric id":      {good.with("subject", object{"type": "user", "id": 7}), "malformed_json", authzenPaths},
		"properties that are text":     {good.with("subject", entity("user", "ann").with("properties", "x")), "malformed_json", authzenPaths},
		"no action":                    {good.with("action", nil), "missing_field", []string{evaluationPath, evaluationsPath, subjectsPath, resourcesPath}},
		"action that is text":          {good.with("action", "view"), "malformed_json", authzenPaths},
		"action without name":          {good.with("action", object{"id": "view"}), "missing_field", authzenPaths},
		"action with numeric name":     {good.with("action", object{"name": 1}), "malformed_json", authzenPaths},
		"no resource":                  {good.with("resource", nil), "missing_field", authzenPaths},
		"resource without type":        {good.with("resource", object{"id": "p"}), "missing_field", authzenPaths},
		"resource without id":          {good.with("resource", object{"type": "project"}), "missing_field", []string{evaluationPath, evaluationsPath, subjectsPath, actionsPath}},
		"context that is text":         {good.with("context", "night"), "malformed_json", authzenPaths},
		"context that is an array":     {good.with("context", []any{1}), "malformed_json", authzenPaths},
		"evaluations of one object":    {good.with("evaluations", object{}), "malformed_json", []string{evaluationsPath}},
		"null among evaluations":       {good.with("evaluations", []any{nothing{}}), "malformed_json", []string{evaluationsPath}},
		"evaluation without action":    {object{"evaluations": []object{good, good.with("action", nil)}}, "missing_field", []string{evaluationsPath}},
		"evaluation of half a subject": {good.with("evaluations", []object{{"subject": object{"type": "user"}}}), "missing_field", []string{evaluationsPath}},
		"1,001 evaluations":            {good.with("evaluations", make([]struct{}, 1001)), "too_many_evaluations", []string{evaluationsPath}},
		"options that are text":        {good.with("options", "execute_all"), "malformed_json", []string{evaluationsPath}},
		"unknown semantic":             {good.with("options", object{"evaluations_semantic": "deny_first"}), "unknown_semantic", []string{evaluationsPath}},
		"semantic in capitals":         {good.with("options", object{"evaluations_semantic": "EXECUTE_ALL"}), "unknown_semantic", []string{evaluationsPath}},
		"numeric semantic":             {good.with("options", object{"evaluations_semantic": 1}), "malformed_json", []string{evaluationsPath}},
		"page that is a number":        {good.with("page", 1), "malformed_json", []string{subjectsPath, resourcesPath, actionsPath}},
		"negative limit":               {good.with("page", object{"limit": -1}), "invalid_limit", []string{subjectsPath, resourcesPath, actionsPath}},
		"limit of text":                {good.with("page", object{"limit": "10"}), "malformed_json", []string{subjectsPath, resourcesPath, actionsPath}},
		"limit of one and a half":      {good.with("page", object{"limit": 1.5}), "malformed_json", []string{subjectsPath, resourcesPath, actionsPath}},
		"numeric token":                {good.with("page", object{"token": 1}), "malformed_json", []string{subjectsPath, resourcesPath, actionsPath}},
		"token that is none":           {object{"page": object{"token": "§"}}, "malformed_page_token", []string{subjectsPath, resourcesPath, actionsPath}},
		"token of an empty object":     {object{"page": object{"token": "e30"}}, "malformed_page_token", []string{subjectsPath, resourcesPath, actionsPath}},
	} {
		for _, path := range c.paths {
			t.Run(name+" to "+path, func(t *testing.T) {
				operator.do(t, http.MethodPost, path, c.body, "X-Request-ID", "malformed 1").want(t, http.StatusBadRequest).code(t, c.code)
			})
		}
	}
}

// TestAuthzenTransport holds every endpoint to the rules of the HTTPS binding.
func TestAuthzenTransport(t *testing.T) {
	t.Parallel()
	operator := shared.operator(t)
	good := evaluation(entity("user", "ann"), "view", entity("project", "p"))

	for _, path := range authzenPaths {
		t.Run(path, func(t *testing.T) {
			for contentType, status := range map[string]int{
				"application/json":                   200,
				"application/json; charset=utf-8":    200,
				"Application/JSON;charset=\"UTF-8\"": 200,
				"":                                   400,
				"text/plain":                         400,
				"text/json":                          400,
				"application/xml":                    400,
				"application/jsonp":                  400,
				"application/problem+json":           400,
				"application/x-www-form-urlencoded":  400,
			} {
				operator.do(t, http.MethodPost, path, good, "Content-Type", contentType).want(t, status)
			}
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				operator.do(t, method, path, nil).want(t, http.StatusMethodNotAllowed)
			}
			for _, id := range []string{"bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "any text; <at> all", strings.Repeat("a", 300), "ünï"} {
				for body, status := range map[string]int{"{": 400, "": 400} {
					got := operator.do(t, http.MethodPost, path, body, "X-Request-ID", id).want(t, status)
					assert.Equal(t, id, got.header.Get("X-Request-ID"))
				}
				got := operator.do(t, http.MethodPost, path, good, "X-Request-ID", id).want(t, http.StatusOK)
				assert.Equal(t, id, got.header.Get("X-Request-ID"))
				got = shared.nobody().do(t, http.MethodPost, path, good, "X-Request-ID", id).want(t, http.StatusUnauthorized)
				assert.Equal(t, id, got.header.Get("X-Request-ID"))
				assert.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer realm=")
			}
			assert.NotEmpty(t, operator.post(t, path, good).want(t, http.StatusOK).header.Get("X-Request-ID"))
			caller{shared, "forged"}.post(t, path, good).want(t, http.StatusUnauthorized)
			operator.post(t, path, oversize(`{}`)).want(t, http.StatusRequestEntityTooLarge)
			operator.post(t, path+"?subject=ann", good).want(t, http.StatusBadRequest)
		})
	}
}

// TestAuthzenHidesWhatExists refuses a question about others with the same words
// whether or not there is such a resource or subject, and lets people ask about themselves.
func TestAuthzenHidesWhatExists(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "hidden")
	mia, stranger := shared.as(t, w.email("mia")), shared.as(t, w.email("stranger"))
	w.add(t, "project", w.email("mia"), "project_member")
	self := entity("user", mia.get(t, "/v1/me").text(t, "id"))
	project, ghost := entity("project", w.id("project")), entity("project", "ghost-of-a-project")

	for _, path := range []string{evaluationPath, evaluationsPath, subjectsPath, actionsPath} {
		refusal := func(c caller, subject, resource object) string {
			got := c.post(t, path, evaluation(subject, "view", resource)).want(t, http.StatusForbidden).code(t, "forbidden")
			return strings.ReplaceAll(got.text(t, "detail"), resource["id"].(string), "…")
		}
		want := refusal(stranger, self, project)
		for name, got := range map[string]string{
			"no such resource": refusal(stranger, self, ghost),
			"no such subject":  refusal(stranger, entity("user", "nobody"), project),
			"no such e-mail":   refusal(stranger, entity("user", "nobody@unknown.example"), project),
			"a reader":         refusal(mia, entity("user", w.email("admin")), project),
		} {
			assert.Equal(t, want, got, "%s: %s", path, name)
		}
	}
	stranger.post(t, resourcesPath, evaluation(self, "view", project)).want(t, http.StatusForbidden).code(t, "forbidden")
	mia.post(t, evaluationPath, evaluation(self, "member", project)).want(t, http.StatusForbidden) // a relation is for operators

	assert.Equal(t, true, mia.post(t, evaluationPath, evaluation(self, "view", project)).want(t, http.StatusOK).at(t, "decision"))
	assert.Equal(t, false, mia.post(t, evaluationPath, evaluation(self, "view", ghost)).want(t, http.StatusOK).at(t, "decision"))
	assert.Equal(t, false, stranger.post(t, evaluationPath, evaluation(self, "view", entity("unicorn", "a"))).want(t, http.StatusOK).at(t, "decision"))
	assert.Equal(t, w.id("project"), mia.post(t, resourcesPath, evaluation(self, "view", project)).want(t, http.StatusOK).at(t, "results", 0, "id"))
	assert.Equal(t, "read", mia.post(t, actionsPath, evaluation(self, "view", project)).want(t, http.StatusOK).at(t, "results", 0, "name"))
	w.admin(t, "project").post(t, subjectsPath, evaluation(self, "view", project)).want(t, http.StatusOK)
}

// TestAuthzenMetadata is for everybody, and leads to the endpoints.
func TestAuthzenMetadata(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/authzen-configuration"

	for public, s := range map[string]*server{
		shared.url:                shared,
		"https://pdp.example.com": start(t, "--public-url", "https://pdp.example.com"),
	} {
		got := s.nobody().get(t, path).want(t, http.StatusOK)
		assert.JSONEq(t, fmt.Sprintf(`{
			"policy_decision_point": %[1]q,
			"access_evaluation_endpoint": "%[1]s/access/v1/evaluation",
			"access_evaluations_endpoint": "%[1]s/access/v1/evaluations",
			"search_subject_endpoint": "%[1]s/access/v1/search/subject",
			"search_resource_endpoint": "%[1]s/access/v1/search/resource",
			"search_action_endpoint": "%[1]s/access/v1/search/action"
		}`, public), string(got.body))
		assert.Contains(t, got.header.Get("Content-Type"), "application/json")
		assert.Contains(t, got.header.Get("Cache-Control"), "max-age=")

		for name, endpoint := range got.at(t).(map[string]any) {
			if at, err := url.Parse(endpoint.(string)); assert.NoError(t, err) && name != "policy_decision_point" {
				s.operator(t).post(t, at.Path, evaluation(entity("user", "ann"), "view", entity("project", "p"))).want(t, http.StatusOK)
			}
		}
		s.nobody().do(t, http.MethodPost, path, "{}").want(t, http.StatusMethodNotAllowed)
	}
}

// TestAuthzenCaveatContext evaluates caveats in the properties of subject, resource
// and action, and then in the context. What comes later wins.
func TestAuthzenCaveatContext(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "caveats")
	schema, err := v1.NewSchemaServiceClient(s.conn).ReadSchema(t.Context(), &v1.ReadSchemaRequest{})
	require.NoError(t, err)
	_, err = v1.NewSchemaServiceClient(s.conn).WriteSchema(t.Context(), &v1.WriteSchemaRequest{
		Schema: strings.Replace(schema.GetSchemaText(),
			"relation client: client\n\trelation admin: user |", "relation client: client\n\trelation admin: user with on_floor | user |", 1) +
			"\ncaveat on_floor(floor int, open int) {\n\tfloor == open\n}\n",
	})
	require.NoError(t, err)
	open, err := structpb.NewStruct(map[string]any{"open": 3})
	require.NoError(t, err)
	_, err = v1.NewPermissionsServiceClient(s.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{Updates: []*v1.RelationshipUpdate{{
		Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
		Relationship: &v1.Relationship{
			Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: w.id("project")}, Relation: "admin",
			Subject:        &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "ann"}},
			OptionalCaveat: &v1.ContextualizedCaveat{CaveatName: "on_floor", Context: open},
		},
	}}})
	require.NoError(t, err)

	floor := func(n any) object { return object{"floor": n} }
	none := object{}
	for name, c := range map[string]struct {
		subject, resource, action, context object
		decision                           bool
	}{
		"without context":           {context: none, action: none, resource: none, subject: none, decision: false},
		"of the subject":            {context: none, action: none, resource: none, subject: floor(3), decision: true},
		"of the resource":           {context: none, action: none, subject: none, resource: floor(3), decision: true},
		"of the action":             {context: none, resource: none, subject: none, action: floor(3), decision: true},
		"context":                   {action: none, resource: none, subject: none, context: floor(3), decision: true},
		"false context":             {action: none, resource: none, subject: none, context: floor(4), decision: false},
		"under another name":        {action: none, resource: none, subject: none, context: object{"subject": floor(3), "Floor": 3}, decision: false},
		"resource after subject":    {context: none, action: none, subject: floor(4), resource: floor(3), decision: true},
		"subject before resource":   {context: none, action: none, subject: floor(3), resource: floor(4), decision: false},
		"action after resource":     {context: none, subject: none, resource: floor(4), action: floor(3), decision: true},
		"resource before action":    {context: none, subject: none, resource: floor(3), action: floor(4), decision: false},
		"context after action":      {resource: none, subject: none, action: floor(4), context: floor(3), decision: true},
		"action before context":     {resource: none, subject: none, action: floor(3), context: floor(4), decision: false},
		"what the relationship has": {action: none, resource: none, subject: none, context: object{"floor": 4, "open": 4}, decision: false},
	} {
		t.Run(name, func(t *testing.T) {
			question := object{
				"subject":  entity("user", "ann").with("properties", c.subject),
				"action":   object{"name": "administer", "properties": c.action},
				"resource": entity("project", w.id("project")).with("properties", c.resource),
				"context":  c.context,
			}
			operator := s.operator(t)
			assert.Equal(t, c.decision, operator.post(t, evaluationPath, question).want(t, http.StatusOK).at(t, "decision"))
			in := operator.post(t, evaluationsPath, object{"evaluations": []object{question}}).want(t, http.StatusOK)
			assert.Equal(t, c.decision, in.at(t, "evaluations", 0, "decision"))
			if len(c.action) == 0 { // a search for actions has none
				found := operator.post(t, actionsPath, question).want(t, http.StatusOK)
				assert.Equal(t, c.decision, strings.Contains(string(found.body), `"administer"`))
			}
		})
	}
	t.Run("of the wrong type", func(t *testing.T) {
		question := evaluation(entity("user", "ann"), "administer", entity("project", w.id("project"))).with("context", floor("third"))
		s.operator(t).post(t, evaluationPath, question).want(t, http.StatusBadRequest).code(t, "invalid_context")
		in := s.operator(t).post(t, evaluationsPath, object{"evaluations": []object{question}}).want(t, http.StatusOK)
		assert.Equal(t, false, in.at(t, "evaluations", 0, "decision"))
		assert.Equal(t, "invalid_context", in.at(t, "evaluations", 0, "context", "error", "code"))
	})
}
