package httpapi

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// operateOrPeople lets operators read the whole audit, and others what is about an
// object whose people they may see.
func operateOrPeople(a *api, c *gin.Context, request any) error {
	ctx := c.Request.Context()
	if noted(ctx).app.is() {
		noted(ctx).auditAll = true
		return a.mayAskAnything(ctx)
	}
	operator, err := a.has(ctx, access.Platform, "operate")
	if err != nil || operator {
		noted(c.Request.Context()).auditAll = operator
		return err
	}
	r, _ := request.(ListAuditEventsRequestObject)
	if r.Params.Object == "" {
		return forbidden(access.Platform, "operate")
	}
	object, err := parseObject(r.Params.Object)
	if err != nil {
		return err
	}
	kind, ok := roles.KindOf(object.Type)
	if !ok || kind.PeopleBy == "" {
		return access.Fail(access.NotFound, "not_found", "there is no %s %q", access.Clip(object.Type), access.Clip(object.ID))
	}
	return a.require(ctx, object, kind.PeopleBy)
}

// ListAuditEvents lists who changed what.
func (a *api) ListAuditEvents(ctx context.Context, r ListAuditEventsRequestObject) (ListAuditEventsResponseObject, error) {
	q, err := auditQuery(r.Params)
	if err != nil {
		return nil, err
	}
	operator := noted(ctx).auditAll
	q.Open = !operator
	events, people, next, err := a.Operations.AuditEvents(ctx, q)
	if err != nil {
		return nil, err
	}
	body := ListAuditEvents200JSONResponse{Events: make([]AuditEvent, len(events)), NextCursor: next}
	isApplication := noted(ctx).app.is()
	if isApplication {
		people = nil // it learns what happened by ids, and from nobody who they are
	}
	for i, e := range events {
		if !operator || isApplication {
			e.From = "" // where staff and other admins sit is theirs
		}
		if isApplication {
			e.Reason = "" // people write what they like, and whom it is about
		}
		body.Events[i] = auditEventBody(e, people)
	}
	return body, nil
}

var operationPattern = regexp.MustCompile(`^[a-z_]{1,64}$`)

// auditQuery reads what is asked for.
// Errors: Invalid (malformed_reference, invalid_operation, invalid_time, invalid_limit).
func auditQuery(p ListAuditEventsParams) (q access.AuditQuery, err error) {
	if p.Object != "" {
		if q.On, err = parseObject(p.Object); err != nil {
			return q, err
		}
	}
	if p.Actor != "" {
		actor := p.Actor
		if !strings.Contains(actor, ":") {
			actor = access.TypeUser + ":" + actor
		}
		if q.Actor, err = parseObject(actor); err != nil {
			return q, err
		}
	}
	if p.Person != "" {
		person, err := access.ParseObject(access.TypeUser, p.Person)
		if err != nil {
			return q, err
		}
		q.Person = person.ID
	}
	if q.Operation = p.Operation; q.Operation != "" && !operationPattern.MatchString(q.Operation) {
		return q, access.Fail(access.Invalid, "invalid_operation", "operation must be lower-case letters and underscores, at most 64")
	}
	if q.From, err = moment("from", p.From); err != nil {
		return q, err
	}
	if q.To, err = moment("to", p.To); err != nil {
		return q, err
	}
	q.Page, err = pageOf(p.Limit, p.Cursor)
	return q, err
}

// parseObject reads "type:id". Errors: Invalid (malformed_reference).
func parseObject(text string) (access.Object, error) {
	objectType, id, _ := strings.Cut(text, ":")
	return access.ParseObject(objectType, id)
}

// moment reads a time of RFC 3339; zero if nothing was said.
// Errors: Invalid (invalid_time).
func moment(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, access.Fail(access.Invalid, "invalid_time", "%s must be a time as in RFC 3339, such as 2026-03-29T00:59:59Z", name)
	}
	return at, nil
}

func auditEventBody(e access.AuditEvent, people map[string]access.Person) AuditEvent {
	body := AuditEvent{
		ID: strconv.FormatInt(e.Sequence, 10), Operation: e.Operation, Reason: e.Reason, RequestID: e.RequestID, From: e.From,
		At: e.At, WrittenAt: string(e.Moment), GapFrom: string(e.GapFrom),
		People: []AuditPerson{}, Objects: []Reference{}, Updates: make([]AuditUpdate, len(e.Updates)),
	}
	if e.Actor != (access.Object{}) {
		body.Actor = &AuditActor{Type: e.Actor.Type, ID: e.Actor.ID}
		if p, known := people[e.Actor.ID]; known && e.Actor.Type == access.TypeUser {
			body.Actor.Email, body.Actor.GivenName, body.Actor.FamilyName = string(p.Email), p.GivenName, p.FamilyName
		}
	}
	for i, u := range e.Updates {
		body.Updates[i] = auditUpdateBody(u.Update)
		if on := (Reference{Type: u.On.Type, ID: u.On.ID}); !slices.Contains(body.Objects, on) {
			body.Objects = append(body.Objects, on)
		}
		p := people[u.Person]
		concerned := AuditPerson{ID: u.Person, Email: string(p.Email), GivenName: p.GivenName, FamilyName: p.FamilyName}
		if u.Person != "" && !slices.Contains(body.People, concerned) {
			body.People = append(body.People, concerned)
		}
	}
	return body
}

func auditUpdateBody(u access.Update) AuditUpdate {
	r := u.Relationship
	body := AuditUpdate{
		Verb: AuditUpdateVerb(strings.ToLower(u.Verb.String())), Resource: Reference{Type: r.Resource.Type, ID: r.Resource.ID},
		Relation: r.Relation, Subject: AuditSubject{Type: r.Subject.Type, ID: r.Subject.ID, Relation: r.Subject.Relation},
	}
	if !r.EndsAt.IsZero() {
		body.EndsAt = &r.EndsAt
	}
	return body
}
