package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Service is a portal service that one customer account consumes.
type Service struct {
	Profile  access.ObjectProfile
	Consumer string // id of the customer account
	Supply   roles.Supply
}

// ProvisionService creates a service that an account consumes (DCX-3). Whoever pays
// orders it: the account, or its reseller.
// Errors: those of Create, Invalid (unknown_service_kind, invalid_supply).
func (o *Operations) ProvisionService(ctx context.Context, by By, consumer access.Object, n NewObject, kindID string, supply roles.Supply) (Service, access.Token, error) {
	kind, err := roles.FindServiceKind(kindID)
	if err != nil {
		return Service{}, "", err
	}
	needs, err := kind.OrderedBy(supply)
	if err != nil {
		return Service{}, "", err
	}
	n.Type, n.Parent = access.TypeService, consumer
	profile, err := o.profile(n)
	if err != nil {
		return Service{}, "", err
	}
	profile.ServiceKind = kind.ID
	profile, at, err := o.establish(ctx, by, birth{
		profile: profile, parent: consumer, on: consumer, needs: needs,
		also: func(w *access.Write) {
			for _, flag := range append(kind.Flags(), string(supply)) {
				w.Touch(flagged(profile.Object, flag)...)
			}
		},
	})
	return Service{Profile: profile, Consumer: consumer.ID, Supply: supply}, at, err
}

// Service returns one service. Errors: NotFound (not_found).
func (o *Operations) Service(ctx context.Context, service access.Object) (Service, error) {
	profile, err := o.Object(ctx, service)
	if err != nil {
		return Service{}, err
	}
	found, err := o.services(ctx, []access.ObjectProfile{profile})
	if err != nil {
		return Service{}, err
	}
	if found[0].Consumer == "" {
		return Service{}, notFound(service)
	}
	return found[0], nil
}

// Services returns a page of the services that an account consumes, as far as the
// viewer may see them.
func (o *Operations) Services(ctx context.Context, viewer, consumer access.Object, page access.Page) ([]Service, string, error) {
	profiles, next, err := o.Belongings(ctx, viewer, consumer, access.TypeService, page)
	if err != nil {
		return nil, "", err
	}
	found, err := o.services(ctx, profiles)
	return found, next, err
}

// Belongings returns a page of what of one type belongs to an account, as far as
// the viewer may read it.
func (o *Operations) Belongings(ctx context.Context, viewer, account access.Object, objectType string, page access.Page) ([]access.ObjectProfile, string, error) {
	kind, _ := roles.KindOf(objectType)
	found, next, err := o.Children(ctx, account, kind, page)
	if err == nil {
		found, err = o.visible(ctx, viewer, found)
	}
	return found, next, err
}

// services reads how services are sold, and to whom.
func (o *Operations) services(ctx context.Context, profiles []access.ObjectProfile) ([]Service, error) {
	if len(profiles) == 0 {
		return nil, nil
	}
	var filters []access.Filter
	for _, p := range profiles {
		for _, relation := range []string{"consumer", string(roles.Direct), string(roles.Resold)} {
			filters = append(filters, access.On(p.Object, relation))
		}
	}
	facts, _, err := o.Relationships.Read(ctx, filters...)
	if err != nil {
		return nil, err
	}
	found := make([]Service, len(profiles))
	for i, p := range profiles {
		found[i].Profile = p
		of := slices.DeleteFunc(slices.Clone(facts), func(r access.Relationship) bool { return r.Resource != p.Object })
		for _, r := range of {
			if r.Relation == "consumer" {
				found[i].Consumer = r.Subject.ID
				continue
			}
			found[i].Supply = roles.Supply(r.Relation)
		}
	}
	return found, nil
}
