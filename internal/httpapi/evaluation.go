package httpapi

import (
	"context"
	"maps"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Evaluate answers one question of AuthZEN.
func (a *api) Evaluate(ctx context.Context, _ EvaluateRequestObject) (EvaluateResponseObject, error) {
	e, err := a.decide(ctx, noted(ctx).question) // mayEvaluate set it
	return Evaluate200JSONResponse(e), err
}

func (a *api) decide(ctx context.Context, q question) (Evaluation, error) {
	if q.void {
		return Evaluation{}, nil
	}
	decision, err := a.answer(ctx, q)
	return Evaluation{Decision: q.allowed(decision)}, err
}

// evaluation reads a question as AuthZEN puts it. What names something that cannot
// be here is void rather than wrong: to AuthZEN any text is a type, an id or a name.
// Errors: Malformed (missing_field).
func (a *api) evaluation(ctx context.Context, e PartialEvaluation) (question, error) {
	if err := complete(e); err != nil {
		return question{}, err
	}
	q, err := a.question(ctx, CheckRequest{
		Resource: Reference{Type: e.Resource.Type, ID: *e.Resource.ID}, Permission: e.Action.Name, Subject: subjectOf(*e.Subject),
	})
	q.Context = caveatContext(e)
	return q.orVoid(err)
}

// complete fails unless an evaluation has all that one needs.
// Errors: Malformed (missing_field).
func complete(e PartialEvaluation) error {
	switch {
	case e.Subject == nil:
		return missing("subject")
	case e.Subject.ID == nil:
		return missing("subject.id")
	case e.Action == nil:
		return missing("action")
	case e.Resource == nil:
		return missing("resource")
	case e.Resource.ID == nil:
		return missing("resource.id")
	}
	return nil
}

// subjectOf reads a subject that has an id. That of a user may be their e-mail:
// no id here has the @ that every address has.
func subjectOf(e Entity) Subject {
	if e.Type == access.TypeUser && strings.Contains(*e.ID, "@") {
		return Subject{Type: e.Type, Email: *e.ID}
	}
	return Subject{Type: e.Type, ID: *e.ID}
}

// orVoid is the question if reading it did not fail, and a void one if it made no sense.
func (q question) orVoid(err error) (question, error) {
	if access.IsKind(err, access.Invalid) {
		return question{void: true}, nil
	}
	return q, err
}

// caveatContext is all that an evaluation says beyond who, what and to what;
// later values win.
func caveatContext(e PartialEvaluation) map[string]any {
	all := map[string]any{}
	maps.Copy(all, e.Subject.Properties)
	maps.Copy(all, e.Resource.Properties)
	maps.Copy(all, e.Action.Properties)
	maps.Copy(all, e.Context)
	if len(all) == 0 {
		return nil
	}
	return all
}

func (a *api) mayEvaluate(c *gin.Context, e PartialEvaluation) error {
	q, err := a.evaluation(c.Request.Context(), e)
	if err != nil {
		return err
	}
	if q.void {
		noted(c.Request.Context()).question = q
		return mayAskEach(a, c, nil)
	}
	return visibly(q.Resource, a.askAtOnce(c.Request.Context(), q))
}

// askVisibly is ask for AuthZEN, which knows 403 and no 404: who may not ask
// hears the same whether or not there is such a resource. Anybody may ask what
// is void, because the answer tells nothing.
func (a *api) askVisibly(ctx context.Context, q question) error {
	if q.void {
		return nil
	}
	return visibly(q.Resource, a.ask(ctx, q))
}

func visibly(resource access.Object, err error) error {
	if kind, ok := roles.KindOf(resource.Type); ok && access.IsKind(err, access.NotFound) {
		return forbidden(resource, kind.PeopleBy)
	}
	return err
}
