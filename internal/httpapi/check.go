package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Bounds of the check API.
const (
	maxChecks    = 1000
	maxPage      = 1000
	defaultLimit = 100
	maxCursor    = 4096 // characters
)

// Check answers one check.
func (a *api) Check(ctx context.Context, r CheckRequestObject) (CheckResponseObject, error) {
	q := noted(ctx).question // mayAsk set it
	decision, err := a.answer(ctx, q)
	if err != nil {
		return nil, err
	}
	return &checked{Allowed: q.allowed(decision), CheckedAt: string(decision.CheckedAt), Source: CheckResultSource(source(decision))}, nil
}

// checked is an answer, written at less expense than the generated code does.
type checked CheckResult

var jsonType = []string{"application/json"}

// VisitCheckResponse implements CheckResponseObject.
func (r *checked) VisitCheckResponse(w http.ResponseWriter) error {
	text := make([]byte, 0, 256)
	text = strconv.AppendBool(append(text, `{"allowed":`...), r.Allowed)
	text, err := quote(append(text, `,"checked_at":`...), r.CheckedAt)
	if err != nil {
		return err
	}
	text = append(append(append(text, `,"source":"`...), r.Source...), "\"}\n"...)
	w.Header()["Content-Type"] = jsonType
	_, err = w.Write(text)
	return err
}

// plain are the characters that stand for themselves in JSON.
var plain = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// quote appends text as JSON. Of a ZedToken, which is base64, one look is enough.
func quote(to []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if !plain[text[i]] {
			return jsontext.AppendQuote(to, text)
		}
	}
	return append(append(append(to, '"'), text...), '"'), nil
}

// CheckBulk answers many.
func (a *api) CheckBulk(ctx context.Context, r CheckBulkRequestObject) (CheckBulkResponseObject, error) {
	if n := len(r.Body.Checks); n == 0 || n > maxChecks {
		return nil, access.Fail(access.Invalid, "invalid_checks", "send 1 to %d checks", maxChecks)
	}
	a.spend(ctx, len(r.Body.Checks))
	results := make([]BulkCheckItem, len(r.Body.Checks))
	var asked []access.Check
	var questions []question
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
		asked, questions, at = append(asked, q.Check), append(questions, q), append(at, i)
	}
	for n, answer := range a.Checks.Bulk(ctx, asked) {
		if answer.Err != nil {
			results[at[n]] = unanswered(answer.Err)
			continue
		}
		allowed := questions[n].allowed(answer.Decision)
		results[at[n]] = BulkCheckItem{
			Allowed: &allowed, CheckedAt: string(answer.Decision.CheckedAt), Source: BulkCheckItemSource(source(answer.Decision)),
		}
	}
	return CheckBulk200JSONResponse{Results: results}, nil
}

// source says where an answer comes from.
func source(d access.Decision) string {
	if d.Cached {
		return "cache"
	}
	return "spicedb"
}

func unanswered(err error) BulkCheckItem {
	p := problem(err)
	return BulkCheckItem{Error: &p}
}

// question is a check as the API puts it.
type question struct {
	access.Check
	stranger bool // the subject's e-mail is nobody's
	relation bool // it names a relation, not a permission
	void     bool // it names what cannot be here; it says nothing else
}

// allowed is the answer: nobody is allowed nothing, whatever everyone is.
func (q question) allowed(d access.Decision) bool { return d.Allowed && !q.stranger }

// question reads a check. Errors: Invalid.
func (a *api) question(ctx context.Context, r CheckRequest) (question, error) {
	var q question
	var err error
	if q.Resource, err = access.ParseObject(r.Resource.Type, r.Resource.ID); err != nil {
		return q, err
	}
	q.Permission = r.Permission
	if q.relation, err = a.Vocabulary.Name(r.Resource.Type, r.Permission); err != nil {
		return q, err
	}
	if q.Subject, q.stranger, err = a.subject(ctx, r.Subject); err != nil {
		return q, err
	}
	q.Exact = r.Consistency.FullyConsistent || r.Consistency.AtLeastAsFresh != ""
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
	if err == nil {
		_, err = a.Vocabulary.Type(r.Type)
	}
	if err == nil && r.Relation != "" {
		subject.Relation = r.Relation
		_, err = a.Vocabulary.Name(r.Type, r.Relation)
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
		return access.Subject{Object: access.User(nobodyAt(address))}, true, nil
	}
	return access.Subject{Object: access.User(person.ID)}, false, err
}

// covers makes sure that answers can be as fresh as was asked for. They are then
// computed on the newest relationships.
func (a *api) covers(ctx context.Context, c Consistency) error {
	if c.AtLeastAsFresh == "" {
		return nil
	}
	if c.FullyConsistent {
		return access.Fail(access.Invalid, "malformed_consistency", "ask for at_least_as_fresh or fully_consistent, not both")
	}
	return a.Checks.Covers(ctx, access.Token(c.AtLeastAsFresh))
}

// nobody stands for the subject where there is none, and begins its id where an e-mail
// is nobody's. What is asked of it is answered without regard to the answer. Each
// e-mail has an id of its own, so that the cache knows a stranger no sooner than a person.
const nobody = "-"

func nobodyAt(address email.Address) string {
	sum := sha256.Sum256([]byte(address))
	return nobody + hex.EncodeToString(sum[:])
}

// mayAsk lets people ask about themselves and about whom they manage, and
// operators about anyone.
func mayAsk(a *api, c *gin.Context, request any) error {
	var body *CheckRequest
	switch r := request.(type) {
	case EvaluateRequestObject:
		return a.mayEvaluate(c, *r.Body)
	case SearchActionsRequestObject:
		return a.maySearch(c, actions, *r.Body)
	case CheckRequestObject:
		body = r.Body
	case ExplainRequestObject:
		body = r.Body
	}
	q, err := a.question(c.Request.Context(), *body)
	if err != nil {
		return err
	}
	return a.askAtOnce(c.Request.Context(), q)
}

// mayAskEach lets everybody begin: the handler asks for each. An application may ask
// all of them, or none.
func mayAskEach(a *api, c *gin.Context, _ any) error {
	if ctx := c.Request.Context(); noted(ctx).app.is() {
		return a.mayAskAnything(ctx)
	}
	return nil
}

// ask decides whether the caller may ask a question. Relations are for operators:
// a flag is a relation to everyone, so an answer about oneself would tell a fact
// about somebody else's object.
func (a *api) ask(ctx context.Context, q question) error {
	if q.aboutCaller(ctx) {
		return nil
	}
	return a.operatorOrPeopleOf(ctx, q.Resource, q.relation)
}

// aboutCaller reports whether a question is about what its caller may do.
func (q question) aboutCaller(ctx context.Context) bool {
	return !noted(ctx).app.is() && !q.stranger && !q.relation && q.Subject == (access.Subject{Object: caller(ctx)})
}

// askAtOnce notes a question and decides whether the caller may ask it. Where that
// takes a check too, it has both answered in one step.
func (a *api) askAtOnce(ctx context.Context, q question) error {
	n := noted(ctx)
	n.question = q
	if !q.aboutCaller(ctx) {
		both := a.Checks.Bulk(ctx, []access.Check{askAnything(ctx), q.Check})
		n.operates, n.answer = &both[0], &both[1]
	}
	return a.ask(ctx, q)
}

// answer is the answer to the question that was asked at once, or to another.
func (a *api) answer(ctx context.Context, q question) (access.Decision, error) {
	if given := noted(ctx).answer; given != nil {
		return given.Decision, given.Err
	}
	return a.Checks.Check(ctx, q.Check)
}

// operates reports whether the caller may ask about anybody: one request asks once.
func (a *api) operates(ctx context.Context) (bool, error) {
	n := noted(ctx)
	if n.operates == nil {
		decision, err := a.Checks.Check(ctx, askAnything(ctx))
		n.operates = &access.Answer{Decision: decision, Err: err}
	}
	return n.operates.Decision.Allowed, n.operates.Err
}

// askAnything is the question whether the caller may ask about anybody: operators
// may, and applications in whose scope the request is.
func askAnything(ctx context.Context) access.Check {
	permission := "operate"
	if n := noted(ctx); n.app.is() {
		permission = n.route.scope
	}
	return access.Check{Resource: access.Platform, Permission: permission, Subject: access.Subject{Object: caller(ctx)}}
}

func (a *api) operatorOrPeopleOf(ctx context.Context, resource access.Object, relation bool) error {
	operates, err := a.operates(ctx)
	if err != nil || operates {
		return err
	}
	if noted(ctx).app.is() {
		return a.outOfScope(ctx)
	}
	kind, ok := roles.KindOf(resource.Type)
	if !ok || kind.PeopleBy == "" || relation {
		return forbidden(access.Platform, "operate")
	}
	return a.require(ctx, resource, kind.PeopleBy)
}
