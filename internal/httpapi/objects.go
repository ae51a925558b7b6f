package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// CreatePartner creates the root of a site.
func (a *api) CreatePartner(ctx context.Context, r CreatePartnerRequestObject) (CreatePartnerResponseObject, error) {
	created, err := a.create(ctx, r.Params.GatehouseReason, newObject(access.TypePartner, access.Platform, *r.Body))
	return CreatePartner201JSONResponse{CreatedJSONResponse(created)}, err
}

// CreateClient creates a client of a partner.
func (a *api) CreateClient(ctx context.Context, r CreateClientRequestObject) (CreateClientResponseObject, error) {
	parent := access.Object{Type: access.TypePartner, ID: r.ID}
	created, err := a.create(ctx, r.Params.GatehouseReason, newObject(access.TypeClient, parent, *r.Body))
	return CreateClient201JSONResponse{CreatedJSONResponse(created)}, err
}

// CreateProject creates a project of a client.
func (a *api) CreateProject(ctx context.Context, r CreateProjectRequestObject) (CreateProjectResponseObject, error) {
	parent := access.Object{Type: access.TypeClient, ID: r.ID}
	created, err := a.create(ctx, r.Params.GatehouseReason, newObject(access.TypeProject, parent, *r.Body))
	return CreateProject201JSONResponse{CreatedJSONResponse(created)}, err
}

// CreateInstance creates an instance.
func (a *api) CreateInstance(ctx context.Context, r CreateInstanceRequestObject) (CreateInstanceResponseObject, error) {
	created, err := a.create(ctx, r.Params.GatehouseReason, newObject(access.TypeInstance, access.Platform, *r.Body))
	return CreateInstance201JSONResponse{CreatedJSONResponse(created)}, err
}

// CreateCustomerAccount creates a customer account with its contract.
func (a *api) CreateCustomerAccount(ctx context.Context, r CreateCustomerAccountRequestObject) (CreateCustomerAccountResponseObject, error) {
	n := newObject(access.TypeCustomerAccount, access.Platform, NewObject{ID: r.Body.ID, Name: r.Body.Name, TimeZone: r.Body.TimeZone})
	n.CustomerNumber, n.Identifier = r.Body.CustomerNumber, r.Body.Identifier
	n.Contract = operations.Contract{
		Direct: r.Body.Contract.Direct, Reseller: r.Body.Contract.Reseller,
		Colocation: r.Body.Contract.Colocation, PartnerStatus: r.Body.Contract.PartnerStatus,
	}
	created, err := a.create(ctx, r.Params.GatehouseReason, n)
	return CreateCustomerAccount201JSONResponse{CreatedJSONResponse(created)}, err
}

func newObject(objectType string, parent access.Object, body NewObject) operations.NewObject {
	return operations.NewObject{Type: objectType, Parent: parent, ID: body.ID, Name: body.Name, TimeZone: body.TimeZone}
}

func (a *api) create(ctx context.Context, reason string, n operations.NewObject) (CreatedObject, error) {
	profile, at, err := a.Operations.Create(ctx, by(ctx, reason), n)
	return CreatedObject{Object: objectBody(profile), WrittenAt: string(at)}, err
}

// ReadObject shows one object.
func (a *api) ReadObject(ctx context.Context, r ReadObjectRequestObject) (ReadObjectResponseObject, error) {
	profile, err := a.Operations.Object(ctx, objectOf(r.Collection, r.ID))
	return ReadObject200JSONResponse(objectBody(profile)), err
}

// ReadPartner shows one partner. It stands beside ReadObject because gin does not
// come back from the paths below /v1/partners/:id to /v1/:collection/:id.
func (a *api) ReadPartner(ctx context.Context, r ReadPartnerRequestObject) (ReadPartnerResponseObject, error) {
	profile, err := a.Operations.Object(ctx, access.Object{Type: access.TypePartner, ID: r.ID})
	return ReadPartner200JSONResponse(objectBody(profile)), err
}

// ReadClient shows one client; see ReadPartner.
func (a *api) ReadClient(ctx context.Context, r ReadClientRequestObject) (ReadClientResponseObject, error) {
	profile, err := a.Operations.Object(ctx, access.Object{Type: access.TypeClient, ID: r.ID})
	return ReadClient200JSONResponse(objectBody(profile)), err
}

// ListObjects lists what the caller may read.
func (a *api) ListObjects(ctx context.Context, r ListObjectsRequestObject) (ListObjectsResponseObject, error) {
	kind, ok := roles.KindIn(string(r.Collection))
	if !ok {
		return nil, noRoute()
	}
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.Objects(ctx, caller(ctx), kind, page)
	return ListObjects200JSONResponse{objectPage(found, next)}, err
}

// ListClients lists the clients of a partner.
func (a *api) ListClients(ctx context.Context, r ListClientsRequestObject) (ListClientsResponseObject, error) {
	found, err := a.children(ctx, access.Object{Type: access.TypePartner, ID: r.ID}, access.TypeClient, r.Params.Limit, r.Params.Cursor)
	return ListClients200JSONResponse{found}, err
}

// ListProjects lists the projects of a client.
func (a *api) ListProjects(ctx context.Context, r ListProjectsRequestObject) (ListProjectsResponseObject, error) {
	found, err := a.children(ctx, access.Object{Type: access.TypeClient, ID: r.ID}, access.TypeProject, r.Params.Limit, r.Params.Cursor)
	return ListProjects200JSONResponse{found}, err
}

func (a *api) children(ctx context.Context, parent access.Object, objectType string, limit *int, cursor string) (ObjectsJSONResponse, error) {
	page, err := pageOf(limit, cursor)
	if err != nil {
		return ObjectsJSONResponse{}, err
	}
	kind, _ := roles.KindOf(objectType)
	found, next, err := a.Operations.Children(ctx, parent, kind, page)
	return objectPage(found, next), err
}

func objectPage(found []access.ObjectProfile, next string) ObjectsJSONResponse {
	page := ObjectsJSONResponse{Objects: make([]Object, len(found)), NextCursor: next}
	for i, p := range found {
		page.Objects[i] = objectBody(p)
	}
	return page
}

func objectBody(p access.ObjectProfile) Object {
	return Object{
		Type: p.Type, ID: p.ID, Name: p.Name, TimeZone: p.TimeZone,
		CustomerNumber: p.CustomerNumber, Identifier: p.Identifier, ExternalReference: p.ExternalReference,
	}
}
