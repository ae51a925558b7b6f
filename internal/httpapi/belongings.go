package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// ProvisionService creates a service that an account consumes.
func (a *api) ProvisionService(ctx context.Context, r ProvisionServiceRequestObject) (ProvisionServiceResponseObject, error) {
	s, at, err := a.Operations.ProvisionService(ctx, by(ctx, r.Params.GatehouseReason), account(r.ID),
		operations.NewObject{ID: r.Body.ID, Name: r.Body.Name}, string(r.Body.Kind), roles.Supply(r.Body.Supply))
	return ProvisionService201JSONResponse{Object: serviceBody(s), WrittenAt: string(at)}, err
}

// orderService needs what ordering such a service takes.
func orderService(a *api, c *gin.Context, request any) error {
	object, err := under(access.TypeCustomerAccount)(c)
	if err != nil {
		return err
	}
	r, _ := request.(ProvisionServiceRequestObject)
	kind, err := roles.FindServiceKind(string(r.Body.Kind))
	if err != nil {
		return a.orNotFound(c.Request.Context(), object, err)
	}
	needs, err := kind.OrderedBy(roles.Supply(r.Body.Supply))
	if err != nil {
		return a.orNotFound(c.Request.Context(), object, err)
	}
	for _, permission := range needs {
		if err := a.require(c.Request.Context(), object, permission); err != nil {
			return err
		}
	}
	return nil
}

// ReadService shows one service.
func (a *api) ReadService(ctx context.Context, r ReadServiceRequestObject) (ReadServiceResponseObject, error) {
	s, err := a.Operations.Service(ctx, access.Object{Type: access.TypeService, ID: r.ID})
	return ReadService200JSONResponse(serviceBody(s)), err
}

// ListServices lists the services that an account consumes.
func (a *api) ListServices(ctx context.Context, r ListServicesRequestObject) (ListServicesResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Services(ctx, caller(ctx), account(r.ID), page)
	body := ListServices200JSONResponse{Objects: make([]Service, len(found)), NextCursor: next}
	for i, s := range found {
		body.Objects[i] = serviceBody(s)
	}
	return body, err
}

// DeleteService deletes a service.
func (a *api) DeleteService(ctx context.Context, r DeleteServiceRequestObject) (DeleteServiceResponseObject, error) {
	at, err := a.Operations.Delete(ctx, by(ctx, r.Params.GatehouseReason), access.Object{Type: access.TypeService, ID: r.ID})
	return DeleteService204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// CreateResource adds a VM, a server or a rack to an account.
func (a *api) CreateResource(ctx context.Context, r CreateResourceRequestObject) (CreateResourceResponseObject, error) {
	created, err := a.create(ctx, r.Params.GatehouseReason, newObject(access.TypeResource, account(r.ID), *r.Body))
	return CreateResource201JSONResponse{CreatedJSONResponse(created)}, err
}

// ListResources lists the VMs, servers and racks of an account.
func (a *api) ListResources(ctx context.Context, r ListResourcesRequestObject) (ListResourcesResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Belongings(ctx, caller(ctx), account(r.ID), access.TypeResource, page)
	return ListResources200JSONResponse{objectPage(found, next)}, err
}

// DeleteResource removes a VM, a server or a rack.
func (a *api) DeleteResource(ctx context.Context, r DeleteResourceRequestObject) (DeleteResourceResponseObject, error) {
	at, err := a.Operations.Delete(ctx, by(ctx, r.Params.GatehouseReason), access.Object{Type: access.TypeResource, ID: r.ID})
	return DeleteResource204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

// CreateAPIKey creates an API key and tells its secret.
func (a *api) CreateAPIKey(ctx context.Context, r CreateAPIKeyRequestObject) (CreateAPIKeyResponseObject, error) {
	key, secret, at, err := a.Operations.CreateAPIKey(ctx, by(ctx, r.Params.GatehouseReason), account(r.ID), r.Body.Name, r.Body.Role)
	return CreateAPIKey201JSONResponse{APIKey: apiKeyBody(key), Secret: secret, WrittenAt: string(at)}, err
}

// createKey needs what managing keys takes and, for a role, what giving it takes.
func createKey(a *api, c *gin.Context, request any) error {
	object, err := under(access.TypeCustomerAccount)(c)
	if err != nil {
		return err
	}
	if err := a.require(c.Request.Context(), object, "manage_api_keys"); err != nil {
		return err
	}
	r, _ := request.(CreateAPIKeyRequestObject)
	if r.Body.Role == "" {
		return nil
	}
	role, err := operations.KeyRole(r.Body.Role)
	if err != nil {
		return err
	}
	return a.require(c.Request.Context(), object, role.GivenBy)
}

// ListAPIKeys lists the API keys of an account.
func (a *api) ListAPIKeys(ctx context.Context, r ListAPIKeysRequestObject) (ListAPIKeysResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.APIKeys(ctx, account(r.ID), page)
	body := ListAPIKeys200JSONResponse{APIKeys: make([]APIKey, len(found)), NextCursor: next}
	for i, k := range found {
		body.APIKeys[i] = apiKeyBody(k)
	}
	return body, err
}

// DeleteAPIKey deletes an API key.
func (a *api) DeleteAPIKey(ctx context.Context, r DeleteAPIKeyRequestObject) (DeleteAPIKeyResponseObject, error) {
	at, err := a.Operations.Delete(ctx, by(ctx, r.Params.GatehouseReason), access.Object{Type: access.TypeAPIKey, ID: r.ID})
	return DeleteAPIKey204Response{Headers: EndedResponseHeaders{GatehouseWrittenAt: string(at)}}, err
}

func serviceBody(s operations.Service) Service {
	return Service{
		Type: s.Profile.Type, ID: s.Profile.ID, Name: s.Profile.Name, Consumer: s.Consumer,
		Kind: ServiceKind(s.Profile.ServiceKind), Supply: Supply(s.Supply),
	}
}

func apiKeyBody(k operations.APIKey) APIKey {
	return APIKey{ID: k.ID, Name: k.Name, Roles: roleIDs(k.Roles), CreatedAt: k.CreatedAt}
}
