package roles_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/roles"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// TestTheSchemaKnowsEveryRole asks a real SpiceDB for what the catalogue takes
// for granted.
func TestTheSchemaKnowsEveryRole(t *testing.T) {
	t.Parallel()
	gateway, conn := start(t)
	known := reflect(t, conn)
	revokes := dependencies(t, conn, access.TypeInvitation, "revoke")

	for _, role := range roles.Catalogue {
		t.Run(role.ID, func(t *testing.T) {
			assert.Contains(t, known.relations, name{role.Object, role.Relation})
			assert.Contains(t, known.subjects[name{role.Object, role.Relation}], access.TypeUser)
			assert.Contains(t, known.permissions, name{role.Object, role.GivenBy})
			assert.Contains(t, known.permissions, name{role.Object, role.TakenBy})

			object := access.Object{Type: role.Object, ID: "some"}
			mayEnd(t, gateway, role.For(object, access.User("ann")), role.MayEnd)

			offer := name{access.TypeInvitation, role.Offer()}
			if role.Way != roles.Membership {
				assert.NotContains(t, known.relations, offer, "only what members are given can be invited to")
				return
			}
			assert.Equal(t, []string{role.Object}, known.subjects[offer])
			assert.Contains(t, revokes, offer, "whoever may give the role may revoke the invitation to it")
			mayEnd(t, gateway, access.Relate(access.Object{Type: access.TypeInvitation, ID: "some"}, role.Offer(), object), role.MayEnd)
		})
	}
}

func TestTheSchemaKnowsEveryKind(t *testing.T) {
	t.Parallel()
	_, conn := start(t)
	known := reflect(t, conn)
	for _, kind := range roles.Kinds {
		assert.Contains(t, known.permissions, name{kind.Type, kind.PeopleBy})
		assert.Contains(t, known.permissions, name{kind.Type, "read"})
		versioned := slices.Contains(known.relations, name{kind.Type, "admin_version"})
		assert.Equal(t, kind.Tie != "", versioned, "%s carries a version", kind.Type)
		if kind.Parent == "" {
			continue
		}
		assert.Equal(t, []string{kind.Parent}, known.subjects[name{kind.Type, kind.Tie}])
		assert.Contains(t, known.permissions, name{kind.Parent, kind.CreatedBy})
	}
}

func TestTheSchemaKnowsEveryBelonging(t *testing.T) {
	t.Parallel()
	_, conn := start(t)
	known := reflect(t, conn)
	for _, kind := range roles.Belongings {
		assert.Equal(t, []string{kind.Parent}, known.subjects[name{kind.Type, kind.Tie}])
		assert.Contains(t, known.permissions, name{kind.Parent, kind.CreatedBy})
		assert.Contains(t, known.permissions, name{kind.Type, "read"})
		assert.Contains(t, known.permissions, name{kind.Type, "delete"})
	}
	for _, kind := range roles.ServiceKinds {
		for _, supply := range []roles.Supply{roles.Direct, roles.Resold} {
			for _, flag := range append(kind.Flags(), string(supply)) {
				assert.True(t, known.flags[name{access.TypeService, flag}], "%s of %s", flag, kind.ID)
			}
			needs, err := kind.OrderedBy(supply)
			require.NoError(t, err)
			for _, permission := range needs {
				assert.Contains(t, known.permissions, name{access.TypeCustomerAccount, permission})
			}
		}
	}
}

// TestTheSchemaOffersNothingElse finds relations of people that no row of the
// catalogue gives.
func TestTheSchemaOffersNothingElse(t *testing.T) {
	t.Parallel()
	_, conn := start(t)
	known := reflect(t, conn)
	given := map[name]bool{
		{access.TypePartner, "removed"}: true, {access.TypePartner, "removing"}: true, // marks, not roles
	}
	for _, role := range roles.Catalogue {
		given[name{role.Object, role.Relation}] = true
		given[name{access.TypeInvitation, role.Offer()}] = true
	}
	for _, relation := range known.relations {
		_, isKind := roles.KindOf(relation.object)
		if isKind && slices.Contains(known.subjects[relation], access.TypeUser) && !known.flags[relation] {
			assert.True(t, given[relation], "nobody can be given %v", relation)
		}
		if relation.object == access.TypeInvitation && strings.HasPrefix(relation.of, "offers_") {
			assert.True(t, given[relation], "nobody can be offered %v", relation)
		}
	}
}

func start(t *testing.T) (*relationships.Gateway, grpc.ClientConnInterface) {
	t.Helper()
	engine, err := spicedb.Start(t.Context(), spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))
	return gateway, engine.Conn()
}

// name is a relation or permission of a type of object.
type name struct{ object, of string }

// reflected is the compiled schema.
type reflected struct {
	relations, permissions []name
	subjects               map[name][]string // types a relation accepts, each once
	flags                  map[name]bool     // relations to everyone
}

func reflect(t *testing.T, conn grpc.ClientConnInterface) reflected {
	t.Helper()
	response, err := v1.NewSchemaServiceClient(conn).ReflectSchema(t.Context(), &v1.ReflectSchemaRequest{})
	require.NoError(t, err)
	known := reflected{subjects: map[name][]string{}, flags: map[name]bool{}}
	for _, definition := range response.GetDefinitions() {
		for _, relation := range definition.GetRelations() {
			n := name{definition.GetName(), relation.GetName()}
			known.relations = append(known.relations, n)
			for _, subject := range relation.GetSubjectTypes() {
				known.flags[n] = known.flags[n] || subject.GetIsPublicWildcard()
				if !slices.Contains(known.subjects[n], subject.GetSubjectDefinitionName()) {
					known.subjects[n] = append(known.subjects[n], subject.GetSubjectDefinitionName())
				}
			}
		}
		for _, permission := range definition.GetPermissions() {
			known.permissions = append(known.permissions, name{definition.GetName(), permission.GetName()})
		}
	}
	return known
}

// dependencies lists the relations that a permission follows from.
func dependencies(t *testing.T, conn grpc.ClientConnInterface, object, permission string) []name {
	t.Helper()
	response, err := v1.NewSchemaServiceClient(conn).DependentRelations(t.Context(), &v1.DependentRelationsRequest{
		DefinitionName: object, PermissionName: permission,
	})
	require.NoError(t, err)
	var found []name
	for _, relation := range response.GetRelations() {
		found = append(found, name{relation.GetDefinitionName(), relation.GetRelationName()})
	}
	return found
}

// mayEnd sees whether SpiceDB takes a relationship for good, and until a date.
// Reflection does not tell.
func mayEnd(t *testing.T, gateway *relationships.Gateway, r access.Relationship, wanted bool) {
	t.Helper()
	touch := func(r access.Relationship) error {
		var w access.Write
		w.Touch(r)
		_, err := gateway.Write(t.Context(), w)
		return err
	}
	assert.NoError(t, touch(r))
	r.EndsAt = time.Now().Add(time.Hour)
	err := touch(r)
	assert.Equal(t, wanted, err == nil, "%s: %v", r, err)
}
