package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Bounds of the check API.
const (
	maxChecks    = 1000
	maxPage      = 1000
	defaultLimit = 100
)

// Check answers one check.
func (a *api) Check(ctx context.Context, r CheckRequestObject) (CheckResponseObject, error) {
	q, err := a.question(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	decision, err := a.answer(ctx, q)
	if err != nil {
		return nil, err
	}
	return Check200JSONResponse{Allowed: decision.Allowed, CheckedAt: string(decision.CheckedAt), Source: CheckResultSourceSpicedb}, nil
}

// CheckBulk answers many.
func (a *api) CheckBulk(ctx context.Context, r CheckBulkRequestObject) (CheckBulkResponseObject, error) {
	if n := len(r.Body.Checks); n == 0 || n > maxChecks {
		return nil, access.Fail(access.Invalid, "invalid_checks", "send 1 to %d checks", maxChecks)
	}
	results := make([]BulkCheckItem, len(r.Body.Checks))
	var asked []access.Check
	var at []int // where the answers go
	for i, body := range r.Body.Checks {
		q, err := a.question(ctx, body)
		if err == nil {
			err = a.ask(ctx, q)
		}
		if err != nil {
			results[i] = unanswered(err)
			continue
		}
		asked, at = append(asked, q.Check), append(at, i)
	}
	for n, answer := range a.Checks.Bulk(ctx, asked) {
		if answer.Err != nil {
			results[at[n]] = unanswered(answer.Err)
			continue
		}
		results[at[n]] = BulkCheckItem{
			Allowed: &answer.Decision.Allowed, CheckedAt: string(answer.Decision.CheckedAt), Source: BulkCheckItemSourceSpicedb,
		}
	}
	return CheckBulk200JSONResponse{Results: results}, nil
}

func unanswered(err error) BulkCheckItem {
	p := problem(err)
	return BulkCheckItem{Error: &p}
}

// question is a check as the API puts it.
type question struct {
	access.Check
	stranger bool // the subject's e-mail is nobody's
}

// question reads a check. Errors: Invalid.
func (a *api) question(ctx context.Context, r CheckRequest) (question, error) {
	var q question
	var err error
	if q.Resource, err = access.ParseObject(r.Resource.Type, r.Resource.ID); err != nil {
		return q, err
	}
	if q.Permission, err = access.ParsePermission(r.Permission); err != nil {
		return q, err
	}
	if q.Subject, q.stranger, err = a.subject(ctx, r.Subject); err != nil {
		return q, err
	}
	return q, a.covers(ctx, r.Consistency)
}

// subject reads a subject, given by id or by e-mail. A stranger is an e-mail
// that is nobody's, which is no error.
func (a *api) subject(ctx context.Context, r Subject) (subject access.Subject, stranger bool, err error) {
	switch {
	case r.Email == "":
		subject.Object, err = access.ParseObject(r.Type, r.ID)
	case r.ID != "" || r.Relation != "" || r.Type != access.TypeUser:
		err = access.Fail(access.Invalid, "malformed_reference", "an e-mail stands for the id of a user, and for nothing else")
	default:
		return a.subjectByEmail(ctx, r.Email)
	}
	if err == nil && r.Relation != "" {
		subject.Relation, err = access.ParsePermission(r.Relation)
	}
	return subject, false, err
}

func (a *api) subjectByEmail(ctx context.Context, text string) (access.Subject, bool, error) {
	address, err := email.Parse(text)
	if err != nil {
		return access.Subject{}, false, access.Fail(access.Invalid, "invalid_email", "email is not an e-mail address")
	}
	person, err := a.People.PersonByEmail(ctx, address)
	if access.IsKind(err, access.NotFound) {
		return access.Subject{Object: access.Object{Type: access.TypeUser}}, true, nil
	}
	return access.Subject{Object: access.User(person.ID)}, false, err
}

// covers makes sure that answers are as fresh as was asked for. They are computed
// on the newest relationships in any case.
func (a *api) covers(ctx context.Context, c Consistency) error {
	if c.AtLeastAsFresh == "" {
		return nil
	}
	if c.FullyConsistent {
		return access.Fail(access.Invalid, "malformed_consistency", "ask for at_least_as_fresh or fully_consistent, not both")
	}
	return a.Checks.Covers(ctx, access.Token(c.AtLeastAsFresh))
}

// nobody is the id of a user that no relationship can name.
const nobody = "-"

func (a *api) answer(ctx context.Context, q question) (access.Decision, error) {
	if q.stranger {
		q.Subject.ID = nobody
	}
	return a.Checks.Check(ctx, q.Check)
}

// mayAsk lets people ask about themselves and about whom they manage, and
// operators about anyone.
func mayAsk(a *api, c *gin.Context, request any) error {
	r, _ := request.(CheckRequestObject)
	q, err := a.question(c, *r.Body)
	if err != nil {
		return err
	}
	return a.ask(c, q)
}

func (a *api) ask(ctx context.Context, q question) error {
	if !q.stranger && q.Subject == (access.Subject{Object: caller(ctx)}) {
		return nil
	}
	return a.operatorOrPeopleOf(ctx, q.Resource)
}

func (a *api) operatorOrPeopleOf(ctx context.Context, resource access.Object) error {
	operates, err := a.has(ctx, access.Platform, "operate")
	if err != nil || operates {
		return err
	}
	kind, ok := roles.KindOf(resource.Type)
	if !ok {
		return forbidden(access.Platform, "operate")
	}
	return a.require(ctx, resource, kind.PeopleBy)
}
