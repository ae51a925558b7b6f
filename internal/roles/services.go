package roles

import (
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// ServiceKind is a kind of portal service, and what it allows (DCX-3).
type ServiceKind struct {
	ID             string
	Deletable      bool
	Resizable      bool // up and down
	ColocationOnly bool // ordered and seen by colocation customers alone (DCX-9)
}

// ServiceKinds lists them. To correct what one allows is to change its line.
var ServiceKinds = []ServiceKind{
	{ID: "access"},
	{ID: "lag_port"},
	{ID: "cloud_router", Deletable: true},
	{ID: "virtual_pni", Deletable: true},
	{ID: "direct_cloud", Deletable: true, Resizable: true},
	{ID: "globe_peer", Resizable: true},
	{ID: "campus_fiber", ColocationOnly: true},
}

// Supply is how a service is sold.
type Supply string

// The supplies. Whoever pays decides about the service.
const (
	Direct Supply = "direct" // by us, to whoever consumes it
	Resold Supply = "resold" // by the consumer's reseller
)

// FindServiceKind returns the kind with this id. Errors: Invalid (unknown_service_kind).
func FindServiceKind(id string) (ServiceKind, error) {
	i := slices.IndexFunc(ServiceKinds, func(k ServiceKind) bool { return k.ID == id })
	if i < 0 {
		return ServiceKind{}, access.Fail(access.Invalid, "unknown_service_kind", "there is no kind of service %q", access.Clip(id))
	}
	return ServiceKinds[i], nil
}

// Flags are the relations that say what a service of the kind is.
func (k ServiceKind) Flags() []string {
	seenBy := "general"
	if k.ColocationOnly {
		seenBy = "colocation_only"
	}
	flags := []string{seenBy}
	if k.Deletable {
		flags = append(flags, "deletable")
	}
	if k.Resizable {
		flags = append(flags, "resizable")
	}
	return flags
}

// OrderedBy lists the permissions on the consumer that ordering a service of the
// kind takes: those of whoever pays and, for CampusFIBER, of a colocation customer.
// Errors: Invalid (invalid_supply).
func (k ServiceKind) OrderedBy(s Supply) ([]string, error) {
	var needs []string
	switch s {
	case Direct:
		needs = []string{"order_service"}
	case Resold:
		needs = []string{"resell_order"}
	default:
		return nil, access.Fail(access.Invalid, "invalid_supply", "supply must be direct or resold")
	}
	if k.ColocationOnly {
		needs = append(needs, "order_campus_fiber")
	}
	return needs, nil
}
