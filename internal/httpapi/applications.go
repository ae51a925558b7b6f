package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// presented is the key that an application calls with.
type presented struct{ app, key access.Object }

// is reports whether it is an application that calls.
func (p presented) is() bool { return p.key.ID != "" }

// letOn lets an application on to what is open to applications at all. That its key is
// live was asked when it signed in; questions, for which it does that now and then, ask
// it again themselves, because to be in a scope is to hold a key that is live.
func (a *api) letOn(c *gin.Context) {
	ctx := c.Request.Context()
	if noted(ctx).route.scope == "" {
		a.refuse(c, a.outOfScope(ctx))
	}
}

// use notes that the caller's key opened something, if it is an application's.
func (a *api) use(ctx context.Context) {
	if n := noted(ctx); n.app.is() {
		a.Uses.Used(n.app.key.ID)
	}
}

// live fails unless the caller's key is live. Errors: Unauthenticated.
func (a *api) live(ctx context.Context) error {
	n := noted(ctx)
	decision, err := a.Checks.Check(ctx, operations.Live(n.app.app, n.app.key))
	if err == nil && !decision.Allowed {
		err = operations.Dead()
	}
	return err
}

// outOfScope is what an application hears that may not do what it asked for: that
// its key is not live any more, or what scope it lacks.
func (a *api) outOfScope(ctx context.Context) error {
	if err := a.live(ctx); err != nil {
		return err
	}
	if scope := noted(ctx).route.scope; scope != "" {
		return forbidden(access.Platform, scope)
	}
	return access.Fail(access.Forbidden, "not_for_applications", "this is for people: no application may do it")
}

// mayAskAnything fails unless the caller may ask about anybody.
func (a *api) mayAskAnything(ctx context.Context) error {
	allowed, err := a.operates(ctx)
	switch {
	case err != nil || allowed:
		return err
	case noted(ctx).app.is():
		return a.outOfScope(ctx)
	}
	return forbidden(access.Platform, "operate")
}

// asker tells callers apart whose Idempotency-Keys are their own. An application is
// the same with each of its keys.
func asker(ctx context.Context) string {
	if n := noted(ctx); n.app.is() {
		return n.app.app.String()
	}
	return person(ctx).ID
}

// CreateApplication creates an application and tells the secret of its key.
func (a *api) CreateApplication(ctx context.Context, r CreateApplicationRequestObject) (CreateApplicationResponseObject, error) {
	n := operations.NewApplication{Name: r.Body.Name, Scopes: r.Body.Scopes}
	var err error
	if n.EndsAt, err = moment("expires_at", r.Body.ExpiresAt); err != nil {
		return nil, err
	}
	for _, reference := range r.Body.Manages {
		object, err := access.ParseObject(reference.Type, reference.ID)
		if err != nil {
			return nil, err
		}
		n.Manages = append(n.Manages, object)
	}
	created, shown, at, err := a.Operations.CreateApplication(ctx, by(ctx, r.Params.GatehouseReason), n)
	return CreateApplication201JSONResponse{Application: applicationBody(created), Secret: shown, WrittenAt: string(at)}, err
}

// ListApplications lists the applications there are.
func (a *api) ListApplications(ctx context.Context, r ListApplicationsRequestObject) (ListApplicationsResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Applications(ctx, page)
	body := ListApplications200JSONResponse{Applications: make([]Application, len(found)), NextCursor: next}
	for i, app := range found {
		body.Applications[i] = applicationBody(app)
	}
	return body, err
}

// CreateApplicationKey gives an application a second key and tells its secret.
func (a *api) CreateApplicationKey(ctx context.Context, r CreateApplicationKeyRequestObject) (CreateApplicationKeyResponseObject, error) {
	endsAt, err := moment("expires_at", r.Body.ExpiresAt)
	if err != nil {
		return nil, err
	}
	key, shown, at, err := a.Operations.RotateApplication(ctx, by(ctx, r.Params.GatehouseReason), r.ID, endsAt)
	return CreateApplicationKey201JSONResponse{Key: applicationKeyBody(key), Secret: shown, WrittenAt: string(at)}, err
}

// RevokeApplicationKey revokes a key.
func (a *api) RevokeApplicationKey(ctx context.Context, r RevokeApplicationKeyRequestObject) (RevokeApplicationKeyResponseObject, error) {
	at, err := a.Operations.RevokeKey(ctx, by(ctx, r.Params.GatehouseReason), r.ID, r.Key)
	return RevokeApplicationKey204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// RevokeApplication revokes an application.
func (a *api) RevokeApplication(ctx context.Context, r RevokeApplicationRequestObject) (RevokeApplicationResponseObject, error) {
	at, err := a.Operations.RevokeApplication(ctx, by(ctx, r.Params.GatehouseReason), r.ID)
	return RevokeApplication204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

func applicationBody(app operations.Application) Application {
	body := Application{
		ID: app.ID, Name: app.Name, CreatedBy: app.CreatedBy, CreatedAt: app.CreatedAt,
		Scopes: make([]string, len(app.Scopes)), Manages: make([]Reference, len(app.Manages)), Keys: make([]ApplicationKey, len(app.Keys)),
	}
	for i, scope := range app.Scopes {
		body.Scopes[i] = scope.ID
	}
	for i, object := range app.Manages {
		body.Manages[i] = Reference{Type: object.Type, ID: object.ID}
	}
	for i, key := range app.Keys {
		body.Keys[i] = applicationKeyBody(key)
	}
	return body
}

func applicationKeyBody(k operations.ApplicationKey) ApplicationKey {
	body := ApplicationKey{ID: k.ID, Prefix: k.Prefix, CreatedAt: k.CreatedAt}
	if !k.EndsAt.IsZero() {
		body.ExpiresAt = &k.EndsAt
	}
	if !k.LastUsedAt.IsZero() {
		body.LastUsedAt = &k.LastUsedAt
	}
	return body
}
