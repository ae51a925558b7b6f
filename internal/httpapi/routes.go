package httpapi

import (
	"context"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// need decides whether a caller may have a request carried out. It fails with
// Forbidden, or with NotFound where the caller may not know the object exists.
type need func(a *api, c *gin.Context, request any) error

// needs are what x-permission can name.
var needs = map[string]need{
	"none":                                   func(*api, *gin.Context, any) error { return nil },
	"signed in":                              func(*api, *gin.Context, any) error { return nil },
	"operate on platform":                    on(platform, "operate"),
	"read on partner":                        on(under(access.TypePartner), "read"),
	"read on client":                         on(under(access.TypeClient), "read"),
	"add_client on partner":                  on(under(access.TypePartner), "add_client"),
	"add_project on client":                  on(under(access.TypeClient), "add_project"),
	"read on customer_account":               on(under(access.TypeCustomerAccount), "read"),
	"configure_contract on customer_account": on(under(access.TypeCustomerAccount), "configure_contract"),
	"add_sub_customer on customer_account":   on(under(access.TypeCustomerAccount), "add_sub_customer"),
	"order the service":                      orderService,
	"read on service":                        on(under(access.TypeService), "read"),
	"delete on service":                      on(under(access.TypeService), "delete"),
	"manage_resources on customer_account":   on(under(access.TypeCustomerAccount), "manage_resources"),
	"delete on resource":                     on(under(access.TypeResource), "delete"),
	"manage_api_keys on customer_account":    on(under(access.TypeCustomerAccount), "manage_api_keys"),
	"create the api_key":                     createKey,
	"delete on api_key":                      on(under(access.TypeAPIKey), "delete"),
	"people of the site or part of it":       func(*api, *gin.Context, any) error { return nil }, // the operation asks for each object
	"manage_people on partner":               on(under(access.TypePartner), "manage_people"),
	"read on instance":                       on(under(access.TypeInstance), "read"),
	"see the sharing of instance":            seeSharing,
	"configure_sharing on instance":          on(under(access.TypeInstance), "configure_sharing"),
	"grant_share on instance":                on(under(access.TypeInstance), "grant_share"),
	"manage_shares on instance":              on(under(access.TypeInstance), "manage_shares"),
	"read on object":                         on(named, "read"),
	"people of object":                       peopleOfObject,
	"give the roles on object":               giveRoles,
	"take the role on object":                takeRole,
	"revoke on invitation":                   on(under(access.TypeInvitation), "revoke"),
	"give the offered roles":                 giveOffered,
	"may ask about the subject":              mayAsk,
	"may ask, for each check":                mayAskEach,
	"self or operate":                        selfOrOperate,
	"people of the resource":                 peopleOfResource,
	"operate, or people of the object":       operateOrPeople,
	"assist on platform":                     staffOf(under(access.TypeCustomerAccount)),
	"manage_profile on oneself":              on(oneself, "manage_profile"),
}

// locate finds the object a request is about.
type locate func(c *gin.Context) (access.Object, error)

func platform(*gin.Context) (access.Object, error) { return access.Platform, nil }

func oneself(c *gin.Context) (access.Object, error) { return caller(c.Request.Context()), nil }

// under finds the object of a type whose id the path holds.
func under(objectType string) locate {
	return func(c *gin.Context) (access.Object, error) { return access.ParseObject(objectType, c.Param("id")) }
}

// named finds the object whose collection and id the path holds.
func named(c *gin.Context) (access.Object, error) {
	kind, ok := roles.KindIn(c.Param("collection"))
	if !ok {
		return access.Object{}, noRoute()
	}
	return access.ParseObject(kind.Type, c.Param("id"))
}

func on(find locate, permission string) need {
	return func(a *api, c *gin.Context, _ any) error {
		object, err := find(c)
		if err != nil {
			return err
		}
		return a.require(c.Request.Context(), object, permission)
	}
}

// staffOf lets in whoever assists on the platform. What others hear depends on
// whether they may know of the object.
func staffOf(find locate) need {
	return func(a *api, c *gin.Context, _ any) error {
		object, err := find(c)
		if err != nil {
			return err
		}
		if err := a.require(c.Request.Context(), object, "read"); err != nil {
			return err
		}
		return a.require(c.Request.Context(), access.Platform, "assist")
	}
}

// require fails unless the caller has the permission on the object: with
// Forbidden for those who may read the object, and for all others as though it
// did not exist.
func (a *api) require(ctx context.Context, object access.Object, permission string) error {
	allowed, err := a.has(ctx, object, permission)
	if err != nil || allowed {
		return err
	}
	if known, err := a.has(ctx, object, "read"); err != nil {
		return err
	} else if !known && object != access.Platform {
		return access.Fail(access.NotFound, "not_found", "there is no %s %q", object.Type, object.ID)
	}
	return forbidden(object, permission)
}

func forbidden(object access.Object, permission string) error {
	return &access.Error{
		Kind: access.Forbidden, Code: "forbidden", Permission: permission,
		Detail: fmt.Sprintf("this needs %s on %s", permission, object),
	}
}

func (a *api) has(ctx context.Context, object access.Object, permission string) (bool, error) {
	decision, err := a.Checks.Check(ctx, access.Check{
		Resource: object, Permission: permission, Subject: access.Subject{Object: caller(ctx)},
	})
	return decision.Allowed, err
}

func peopleOfObject(a *api, c *gin.Context, _ any) error {
	object, err := named(c)
	if err != nil {
		return err
	}
	kind, _ := roles.KindOf(object.Type)
	return a.require(c.Request.Context(), object, kind.PeopleBy)
}

// giveRoles needs, for each role the request names, the permission by which the
// catalogue lets it be given.
func giveRoles(a *api, c *gin.Context, request any) error {
	object, err := named(c)
	if err != nil {
		return err
	}
	var ids []string
	switch r := request.(type) {
	case AddMemberRequestObject:
		ids = r.Body.Roles
	case InviteRequestObject:
		ids = r.Body.Roles
	}
	wanted, err := roles.Members(object.Type, ids)
	if err != nil {
		return a.orNotFound(c.Request.Context(), object, err)
	}
	err = a.requireAll(c.Request.Context(), object, wanted)
	if _, adds := request.(AddMemberRequestObject); adds && access.IsKind(err, access.Forbidden) && operations.MayAppointFirst(object, wanted) {
		// Whether there is an admin yet, the operation finds out (DCX-5).
		if appoints, fault := a.has(c.Request.Context(), object, "appoint_first_portal_admin"); appoints || fault != nil {
			return fault
		}
	}
	return err
}

func (a *api) requireAll(ctx context.Context, object access.Object, wanted []roles.Role) error {
	for _, role := range wanted {
		if err := a.require(ctx, object, role.GivenBy); err != nil {
			return err
		}
	}
	return nil
}

// orNotFound keeps what is wrong with a request from those who may not know that
// its object exists.
func (a *api) orNotFound(ctx context.Context, object access.Object, fault error) error {
	if err := a.require(ctx, object, "read"); err != nil {
		return err
	}
	return fault
}

func takeRole(a *api, c *gin.Context, _ any) error {
	object, err := named(c)
	if err != nil {
		return err
	}
	role, err := roles.Member(object.Type, c.Param("role"))
	if err != nil {
		return a.orNotFound(c.Request.Context(), object, err)
	}
	return a.require(c.Request.Context(), object, role.TakenBy)
}

// giveOffered needs what giving the roles of the invitation itself needs, because
// resending makes the caller its inviter.
func giveOffered(a *api, c *gin.Context, _ any) error {
	object, err := under(access.TypeInvitation)(c)
	if err != nil {
		return err
	}
	if err := a.require(c.Request.Context(), object, "read"); err != nil {
		return err
	}
	invitation, err := a.Operations.Invitation(c.Request.Context(), object.ID)
	if err != nil {
		return err
	}
	return a.requireAll(c.Request.Context(), invitation.Object, invitation.Roles)
}
