package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// ReadCustomerAccount shows one customer account with its contract; see ReadPartner.
func (a *api) ReadCustomerAccount(ctx context.Context, r ReadCustomerAccountRequestObject) (ReadCustomerAccountResponseObject, error) {
	profile, err := a.Operations.Object(ctx, account(r.ID))
	if err != nil {
		return nil, err
	}
	contract, err := a.Operations.ReadContract(ctx, account(r.ID))
	return ReadCustomerAccount200JSONResponse{
		Type: profile.Type, ID: profile.ID, Name: profile.Name, TimeZone: profile.TimeZone,
		CustomerNumber: profile.CustomerNumber, Identifier: profile.Identifier, ExternalReference: profile.ExternalReference,
		Contract: contractBody(contract), CustomerType: CustomerType(contract.Type()),
	}, err
}

// ConfigureContract replaces what was agreed with a customer account.
func (a *api) ConfigureContract(ctx context.Context, r ConfigureContractRequestObject) (ConfigureContractResponseObject, error) {
	if r.Body.Direct == nil || r.Body.Colocation == nil || r.Body.PartnerStatus == nil {
		return nil, incomplete("direct, colocation and partner_status")
	}
	c := operations.Contract{
		Direct: *r.Body.Direct, Reseller: r.Body.Reseller, Colocation: *r.Body.Colocation, PartnerStatus: *r.Body.PartnerStatus,
	}
	at, err := a.Operations.ConfigureContract(ctx, by(ctx, r.Params.GatehouseReason), account(r.ID), c)
	return ConfigureContract200JSONResponse{Contract: contractBody(c), CustomerType: CustomerType(c.Type()), WrittenAt: string(at)}, err
}

// AddSubCustomer creates an account to which another resells.
func (a *api) AddSubCustomer(ctx context.Context, r AddSubCustomerRequestObject) (AddSubCustomerResponseObject, error) {
	var first *operations.Newcomer
	if f := r.Body.FirstAdmin; f != nil {
		first = &operations.Newcomer{Email: f.Email, GivenName: f.GivenName, FamilyName: f.FamilyName}
	}
	created, admin, at, err := a.Operations.AddSubCustomer(ctx, by(ctx, r.Params.GatehouseReason), account(r.ID), operations.NewObject{
		ID: r.Body.ID, Name: r.Body.Name, TimeZone: r.Body.TimeZone,
		CustomerNumber: r.Body.CustomerNumber, Identifier: r.Body.Identifier, ExternalReference: r.Body.ExternalReference,
	}, first)
	body := AddSubCustomer201JSONResponse{Object: objectBody(created), WrittenAt: string(at)}
	if first != nil {
		body.FirstAdmin = &UserReference{ID: admin.ID, Email: string(admin.Email)}
	}
	return body, err
}

// ListSubCustomers lists the accounts to which an account resells.
func (a *api) ListSubCustomers(ctx context.Context, r ListSubCustomersRequestObject) (ListSubCustomersResponseObject, error) {
	page, err := pageOf(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Operations.SubCustomers(ctx, caller(ctx), account(r.ID), page)
	return ListSubCustomers200JSONResponse{objectPage(found, next)}, err
}

func account(id string) access.Object {
	return access.Object{Type: access.TypeCustomerAccount, ID: id}
}

func contractBody(c operations.Contract) CurrentContract {
	return CurrentContract{Direct: c.Direct, Reseller: c.Reseller, Colocation: c.Colocation, PartnerStatus: c.PartnerStatus}
}
