package operations

import (
	"cmp"
	"context"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
	"github.com/gatehouse/gatehouse/internal/secret"
)

// APIKey is a machine subject that works for one customer account (DCX-8).
type APIKey struct {
	ID        string
	Name      string
	Roles     []roles.Role
	CreatedAt time.Time
}

func (k APIKey) object() access.Object { return access.Object{Type: access.TypeAPIKey, ID: k.ID} }

// CreateAPIKey makes a key of an account, with a role there if one is named, and
// returns its secret. Nobody can tell the secret again: a hash of it is kept.
// Errors: Invalid (invalid_name, unknown_role), NotFound (not_found).
func (o *Operations) CreateAPIKey(ctx context.Context, by By, account access.Object, name, roleID string) (APIKey, string, access.Token, error) {
	if err := checkName("name", name, true); err != nil {
		return APIKey{}, "", "", err
	}
	needs := []string{"manage_api_keys"}
	key := APIKey{ID: o.NewID(), Name: name, CreatedAt: o.Now().UTC().Truncate(time.Second)}
	if roleID != "" {
		role, err := KeyRole(roleID)
		if err != nil {
			return APIKey{}, "", "", err
		}
		key.Roles, needs = []roles.Role{role}, append(needs, role.GivenBy)
	}
	if err := o.requireRight(ctx, &access.Write{}, by.Actor, account, needs...); err != nil {
		return APIKey{}, "", "", err
	}
	shown := secret.New(secret.APIKey)
	// The profile comes first: an orphan opens nothing.
	if err := o.Directory.AddAPIKey(ctx, access.APIKeyProfile{
		ID: key.ID, Name: name, Hash: secret.Hash(shown), CreatedAt: key.CreatedAt,
	}); err != nil {
		return APIKey{}, "", "", err
	}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("create_api_key")}
		if err := o.requireRight(ctx, &w, by.Actor, account, needs...); err != nil {
			return w, "", err
		}
		if err := o.missing(ctx, account); err != nil {
			return w, "", err
		}
		w.Require(exists(account)...)
		w.Touch(access.Relate(key.object(), "account", account))
		for _, role := range key.Roles {
			w.Touch(role.For(account, key.object()))
		}
		return w, "", nil
	})
	return key, shown, at, err
}

// APIKeys returns a page of the keys of an account.
func (o *Operations) APIKeys(ctx context.Context, account access.Object, page access.Page) ([]APIKey, string, error) {
	ties, _, err := o.Relationships.Read(ctx,
		access.Filter{ResourceType: access.TypeAPIKey, Relation: "account"}.To(account), access.On(account, "").ToType(access.TypeAPIKey))
	if err != nil {
		return nil, "", err
	}
	held := map[string]map[string]access.Relationship{}
	var keys []APIKey
	for _, r := range ties {
		if r.Resource.Type == access.TypeAPIKey {
			keys = append(keys, APIKey{ID: r.Resource.ID, Name: r.Resource.ID})
			continue
		}
		if held[r.Subject.ID] == nil {
			held[r.Subject.ID] = map[string]access.Relationship{}
		}
		held[r.Subject.ID][r.Relation] = r
	}
	keys, next, err := access.Cut(keys, page, func(k APIKey) string { return k.ID }, cmp.Compare[string])
	if err != nil {
		return nil, "", err
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	profiles, err := o.Directory.APIKeysByID(ctx, ids)
	for i, k := range keys {
		if p, known := profiles[k.ID]; known {
			keys[i].Name, keys[i].CreatedAt = p.Name, p.CreatedAt
		}
		for _, role := range rolesIn(account.Type, held[k.ID]) {
			if role.Keys {
				keys[i].Roles = append(keys[i].Roles, role)
			}
		}
	}
	return keys, next, err
}

// KeyRole returns the role with this id, if it is one that API keys are given.
// Errors: Invalid (unknown_role).
func KeyRole(id string) (roles.Role, error) {
	role, err := roles.Member(access.TypeCustomerAccount, id)
	if err == nil && !role.Keys {
		err = access.Fail(access.Invalid, "unknown_role", "the role %q is not given to API keys", id)
	}
	return role, err
}
