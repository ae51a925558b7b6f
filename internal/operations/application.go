package operations

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
	"github.com/gatehouse/gatehouse/internal/secret"
)

// Application is a program that asks with keys of its own.
type Application struct {
	ID        string
	Name      string
	Scopes    []roles.Scope
	Manages   []access.Object // whose people it manages
	Keys      []ApplicationKey
	CreatedBy string
	CreatedAt time.Time
}

// ApplicationKey is a live key of an application.
type ApplicationKey struct {
	ID         string
	Prefix     string // of its secret
	CreatedAt  time.Time
	EndsAt     time.Time // zero: it does not end
	LastUsedAt time.Time // zero: never
}

// NewApplication is what an application is to be.
type NewApplication struct {
	Name    string
	Scopes  []string
	Manages []access.Object
	EndsAt  time.Time // of its first key; zero: never
}

// maxManaged bounds on how many objects one application may manage people.
const maxManaged = 100

// slots are the relations of an application to its keys, one for each that is live.
// A write requires that its slot is free, so there are never more.
var slots = []string{"first_key", "second_key"}

func application(id string) access.Object {
	return access.Object{Type: access.TypeApplication, ID: id}
}

func applicationKey(id string) access.Object {
	return access.Object{Type: access.TypeApplicationKey, ID: id}
}

func existsApplication(app access.Object) access.Precondition {
	return access.MustMatch(access.On(app, "platform"))
}

// CreateApplication makes an application and its first key, and returns the secret.
// Nobody can tell it again: a hash of it is kept.
// Errors: Invalid (invalid_name, unknown_scope, scope_required, not_manageable, invalid_time),
// Forbidden, NotFound (not_found) for an object to manage.
func (o *Operations) CreateApplication(ctx context.Context, by By, n NewApplication) (Application, string, access.Token, error) {
	app := Application{ID: o.NewID(), Name: n.Name, CreatedBy: by.Actor.ID, CreatedAt: o.Now().UTC().Truncate(time.Second)}
	var err error
	if err := checkName("name", n.Name, true); err != nil {
		return app, "", "", err
	}
	if app.Scopes, err = roles.FindScopes(n.Scopes); err != nil {
		return app, "", "", err
	}
	for _, object := range n.Manages {
		if !slices.Contains(app.Manages, object) {
			app.Manages = append(app.Manages, object)
		}
	}
	if len(app.Scopes)+len(app.Manages) == 0 {
		return app, "", "", access.Fail(access.Invalid, "scope_required", "name at least one scope, or object to manage the people of")
	}
	if len(app.Manages) > maxManaged {
		return app, "", "", access.Fail(access.Invalid, "not_manageable", "name at most %d objects to manage", maxManaged)
	}
	for _, object := range app.Manages {
		if !roles.Manageable(object.Type) {
			return app, "", "", access.Fail(access.Invalid, "not_manageable", "an application cannot manage the people of a %s", access.Clip(object.Type))
		}
	}
	if err := o.requireRight(ctx, &access.Write{}, by.Actor, access.Platform, "operate"); err != nil {
		return app, "", "", err
	}
	// The profiles come first: without relationships they open nothing.
	if err := o.Directory.AddApplication(ctx, access.ApplicationProfile{ID: app.ID, Name: app.Name, CreatedBy: app.CreatedBy, CreatedAt: app.CreatedAt}); err != nil {
		return app, "", "", err
	}
	key, shown, err := o.newKey(ctx, app.ID, n.EndsAt)
	if err != nil {
		return app, "", "", err
	}
	app.Keys = []ApplicationKey{key}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("create_application")}
		if err := o.requireRight(ctx, &w, by.Actor, access.Platform, "operate"); err != nil {
			return w, "", err
		}
		self := application(app.ID)
		w.Touch(access.Relate(self, "platform", access.Platform), key.in(slots[0], self))
		for _, scope := range app.Scopes {
			w.Touch(access.Relate(access.Platform, scope.Relation, self))
		}
		for _, object := range app.Manages {
			if err := o.missing(ctx, object); err != nil {
				return w, "", err
			}
			w.Require(exists(object)...)
			w.Touch(access.Relate(object, roles.ManagedBy, self))
		}
		return w, "", nil
	})
	return app, shown, at, err
}

// newKey keeps the hash of a new secret.
// Errors: Invalid (invalid_time).
func (o *Operations) newKey(ctx context.Context, appID string, endsAt time.Time) (ApplicationKey, string, error) {
	now := o.Now().UTC().Truncate(time.Second)
	if endsAt = endsAt.UTC().Truncate(time.Second); !endsAt.IsZero() && !endsAt.After(now) {
		return ApplicationKey{}, "", access.Fail(access.Invalid, "invalid_time", "expires_at must be in the future")
	}
	shown := secret.New(secret.Application)
	key := ApplicationKey{ID: o.NewID(), Prefix: secret.Prefix(secret.Application, shown), CreatedAt: now, EndsAt: endsAt}
	return key, shown, o.Directory.AddApplicationKey(ctx, access.ApplicationKeyProfile{
		ID: key.ID, ApplicationID: appID, Hash: secret.Hash(shown), Prefix: key.Prefix, CreatedAt: key.CreatedAt,
	})
}

func (k ApplicationKey) in(slot string, app access.Object) access.Relationship {
	r := access.Relate(app, slot, applicationKey(k.ID))
	r.EndsAt = k.EndsAt
	return r
}

// RotateApplication gives an application a second key, so that it can take it over
// before the first is revoked.
// Errors: Invalid (invalid_time), Forbidden, NotFound (not_found), Conflict (two_keys).
func (o *Operations) RotateApplication(ctx context.Context, by By, id string, endsAt time.Time) (ApplicationKey, string, access.Token, error) {
	self := application(id)
	if err := o.requireRight(ctx, &access.Write{}, by.Actor, access.Platform, "operate"); err != nil {
		return ApplicationKey{}, "", "", err
	}
	if _, _, err := o.held(ctx, self); err != nil {
		return ApplicationKey{}, "", "", err
	}
	key, shown, err := o.newKey(ctx, id, endsAt)
	if err != nil {
		return key, "", "", err
	}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("create_application_key")}
		if err := o.requireRight(ctx, &w, by.Actor, access.Platform, "operate"); err != nil {
			return w, "", err
		}
		held, at, err := o.held(ctx, self)
		if err != nil {
			return w, at, err
		}
		i := slices.IndexFunc(slots, func(slot string) bool { return !holds(held, self, slot) })
		if i < 0 {
			return w, at, access.Fail(access.Conflict, "two_keys", "this application has two live keys; revoke one first")
		}
		w.Require(existsApplication(self), access.MustNotMatch(access.On(self, slots[i])))
		w.Touch(key.in(slots[i], self))
		return w, at, nil
	})
	return key, shown, at, err
}

// held are all relationships of an application: its own, and those to it.
// Errors: NotFound (not_found).
func (o *Operations) held(ctx context.Context, app access.Object) ([]access.Relationship, access.Token, error) {
	found, at, err := o.Relationships.Read(ctx, access.On(app, ""), access.Filter{}.To(app))
	if err == nil && !holds(found, app, "platform") {
		err = notFound(app)
	}
	return found, at, err
}

// RevokeKey ends a key of an application: once this is acknowledged, nothing takes it.
// Errors: Forbidden, NotFound (not_found).
func (o *Operations) RevokeKey(ctx context.Context, by By, id, keyID string) (access.Token, error) {
	return o.revokeOf(ctx, by.cause("revoke_application_key"), id, func(w *access.Write, held []access.Relationship) error {
		for _, r := range held {
			if r.Subject.Object == applicationKey(keyID) {
				w.Replace(r)
			}
		}
		if len(w.Updates) == 0 {
			return notFound(applicationKey(keyID))
		}
		return nil
	})
}

// RevokeApplication ends an application, with its keys and all it may do.
// Errors: Forbidden, NotFound (not_found).
func (o *Operations) RevokeApplication(ctx context.Context, by By, id string) (access.Token, error) {
	self := application(id)
	return o.revokeOf(ctx, by.cause("revoke_application"), id, func(w *access.Write, held []access.Relationship) error {
		for _, r := range held {
			w.Replace(r)
		}
		for _, slot := range slots { // no key that was made meanwhile is left behind
			if !holds(held, self, slot) {
				w.Require(access.MustNotMatch(access.On(self, slot)))
			}
		}
		return nil
	})
}

func (o *Operations) revokeOf(ctx context.Context, cause access.Cause, id string, take func(w *access.Write, held []access.Relationship) error) (access.Token, error) {
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: cause}
		if err := o.requireRight(ctx, &w, cause.Actor, access.Platform, "operate"); err != nil {
			return w, "", err
		}
		held, at, err := o.held(ctx, application(id))
		if err == nil {
			err = take(&w, held)
		}
		return w, at, err
	})
}

// holds says whether something is in a relation to the application.
func holds(held []access.Relationship, app access.Object, relation string) bool {
	return slices.ContainsFunc(held, func(r access.Relationship) bool { return r.Resource == app && r.Relation == relation })
}

// Applications returns a page of the applications there are.
func (o *Operations) Applications(ctx context.Context, page access.Page) ([]Application, string, error) {
	held, _, err := o.Relationships.Read(ctx, access.Filter{ResourceType: access.TypeApplication}, access.Filter{SubjectType: access.TypeApplication})
	if err != nil {
		return nil, "", err
	}
	var apps []Application
	keys := map[string][]ApplicationKey{}
	scopes, manages := map[string][]string{}, map[string][]access.Object{}
	for _, r := range held {
		switch {
		case r.Resource.Type == access.TypeApplication && r.Relation == "platform":
			apps = append(apps, Application{ID: r.Resource.ID, Name: r.Resource.ID})
		case r.Resource.Type == access.TypeApplication:
			keys[r.Resource.ID] = append(keys[r.Resource.ID], ApplicationKey{ID: r.Subject.ID, EndsAt: r.EndsAt})
		case r.Relation == roles.ManagedBy:
			manages[r.Subject.ID] = append(manages[r.Subject.ID], r.Resource)
		default:
			scopes[r.Subject.ID] = append(scopes[r.Subject.ID], r.Relation)
		}
	}
	apps, next, err := access.Cut(apps, page, func(a Application) string { return a.ID }, cmp.Compare[string])
	if err != nil {
		return nil, "", err
	}
	var ids, keyIDs []string
	for _, a := range apps {
		ids = append(ids, a.ID)
		for _, k := range keys[a.ID] {
			keyIDs = append(keyIDs, k.ID)
		}
	}
	profiles, err := o.Directory.ApplicationsByID(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	known, err := o.Directory.ApplicationKeysByID(ctx, keyIDs)
	if err != nil {
		return nil, "", err
	}
	for i := range apps {
		a := &apps[i]
		if p, ok := profiles[a.ID]; ok {
			a.Name, a.CreatedBy, a.CreatedAt = p.Name, p.CreatedBy, p.CreatedAt
		}
		a.Manages = manages[a.ID]
		slices.SortFunc(a.Manages, func(x, y access.Object) int { return cmp.Compare(x.String(), y.String()) })
		for _, s := range roles.Scopes {
			if slices.Contains(scopes[a.ID], s.Relation) {
				a.Scopes = append(a.Scopes, s)
			}
		}
		for _, k := range keys[a.ID] {
			p := known[k.ID]
			k.Prefix, k.CreatedAt, k.LastUsedAt = p.Prefix, p.CreatedAt, p.LastUsedAt
			a.Keys = append(a.Keys, k)
		}
		slices.SortFunc(a.Keys, func(x, y ApplicationKey) int { return cmp.Compare(x.ID, y.ID) })
	}
	return apps, next, nil
}

// Presented finds the application and the key of a secret. Whether that is live is a
// matter of relationships, and asked each time.
// Errors: Unauthenticated.
func (o *Operations) Presented(ctx context.Context, shown string) (app, key access.Object, err error) {
	if !secret.Valid(secret.Application, shown) {
		return app, key, access.Fail(access.Unauthenticated, "unauthenticated", "this is no key of an application: it is cut off or mistyped")
	}
	p, err := o.Directory.ApplicationKeyByHash(ctx, secret.Hash(shown))
	if access.IsKind(err, access.NotFound) {
		err = access.Fail(access.Unauthenticated, "unauthenticated", "this is no key of an application")
	}
	return application(p.ApplicationID), applicationKey(p.ID), err
}

// Live asks whether a key of an application is live.
func Live(app, key access.Object) access.Check {
	return access.Check{Resource: app, Permission: "authenticate", Subject: access.Subject{Object: key}}
}

// MayCall finds the key of a secret, and fails unless it is live and its application
// has a scope. Errors: Unauthenticated, Forbidden.
func (o *Operations) MayCall(ctx context.Context, shown, scope string) (access.Object, error) {
	app, key, err := o.Presented(ctx, shown)
	if err != nil {
		return key, err
	}
	asked := access.Check{Resource: access.Platform, Permission: scope, Subject: access.Subject{Object: key}}
	if decision, err := o.Checks.Check(ctx, asked); err != nil || decision.Allowed {
		return key, err
	}
	decision, err := o.Checks.Check(ctx, Live(app, key))
	switch {
	case err != nil:
		return key, err
	case !decision.Allowed:
		return key, Dead()
	}
	return key, forbidden(scope, access.Platform)
}

// Dead is what whoever presents a key hears that is not live any more.
func Dead() error {
	return access.Fail(access.Unauthenticated, "unauthenticated", "this key was revoked, or has expired")
}
