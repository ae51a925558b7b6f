package roles_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		object string
		asked  string
		found  string
		code   string
	}{
		"one":                           {access.TypeClient, "client_admin", "client_admin", ""},
		"several, as asked":             {access.TypeCustomerAccount, "technical_contact customer_admin", "technical_contact customer_admin", ""},
		"both halves of an account":     {access.TypeCustomerAccount, "cockpit_access portal_admin", "cockpit_access portal_admin", ""},
		"the same twice":                {access.TypeClient, "client_admin client_admin", "client_admin", ""},
		"none, with a default":          {access.TypeProject, "", "project_member", ""},
		"none, without a default":       {access.TypePartner, "", "", "role_required"},
		"unheard of":                    {access.TypeClient, "janitor", "", "unknown_role"},
		"one of them unheard of":        {access.TypeCustomerAccount, "cockpit_access janitor", "", "unknown_role"},
		"of another type":               {access.TypeClient, "partner_admin", "", "unknown_role"},
		"of an unknown type":            {"user", "client_admin", "", "unknown_role"},
		"that is shared":                {access.TypeInstance, "inventory_reader", "", "unknown_role"},
		"that is configured":            {access.TypePlatform, "operator", "", "unknown_role"},
		"rivals":                        {access.TypeProject, "project_member project_admin", "", "exclusive_roles"},
		"rivals, with another between":  {access.TypeCustomerAccount, "portal_admin cockpit_access portal_read_only_user", "", "exclusive_roles"},
		"two of an instance, no rivals": {access.TypeInstance, "company_admin instance_member", "company_admin instance_member", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := roles.Members(test.object, strings.Fields(test.asked))
			if test.code != "" {
				assert.True(t, access.IsKind(err, access.Invalid) && access.HasCode(err, test.code), "got %v", err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.found, strings.Join(ids(found), " "))
		})
	}
}

func TestMemberAndFind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		object, id    string
		found, member bool
	}{
		"a membership":           {access.TypeProject, "project_admin", true, true},
		"a share":                {access.TypeInstance, "inventory_writer", true, false},
		"a configured role":      {access.TypePlatform, "operator", true, false},
		"a role of another type": {access.TypeClient, "project_admin", false, false},
		"a relation, not a role": {access.TypeProject, "admin", false, false},
		"nothing":                {access.TypeProject, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, lookup := range []struct {
				by     func(string, string) (roles.Role, error)
				wanted bool
			}{{roles.Find, test.found}, {roles.Member, test.member}} {
				role, err := lookup.by(test.object, test.id)
				if !lookup.wanted {
					assert.True(t, access.HasCode(err, "unknown_role"), "got %v", err)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, []string{test.object, test.id}, []string{role.Object, role.ID})
			}
		})
	}
}

func TestRivals(t *testing.T) {
	t.Parallel()
	var pairs []string
	for _, a := range roles.Catalogue {
		for _, b := range roles.Catalogue {
			if a.Rivals(b) {
				assert.True(t, b.Rivals(a), "%s and %s", a.ID, b.ID)
				if a.ID < b.ID {
					pairs = append(pairs, a.ID+" "+b.ID)
				}
			}
		}
	}
	assert.ElementsMatch(t, []string{
		"project_admin project_member",
		"portal_admin portal_technical_user", "portal_admin portal_read_only_user", "portal_read_only_user portal_technical_user",
		"inventory_reader inventory_writer",
		"customer_care_reader customer_care_writer",
	}, pairs)
}

// TestCatalogueIsSound checks what the operations rely on and no type can say.
func TestCatalogueIsSound(t *testing.T) {
	t.Parallel()
	seen, defaults := map[string]bool{}, map[string]bool{}
	lowest := map[string]int{}
	for _, role := range roles.Catalogue {
		assert.False(t, seen[role.ID], "%s is there twice", role.ID)
		seen[role.ID] = true

		assert.NotEmpty(t, role.Name, role.ID)
		_, known := roles.KindOf(role.Object)
		assert.True(t, known, "%s is a role on an unknown kind", role.ID)

		assert.False(t, role.Default && defaults[role.Object], "%s is a second default", role.ID)
		defaults[role.Object] = defaults[role.Object] || role.Default

		if role.Rivalry == "" {
			continue
		}
		// A grant looks at rivals in this order, and must meet what covers it
		// before it replaces what it covers.
		rivalry := role.Object + " " + role.Rivalry
		assert.Positive(t, role.Rank, role.ID)
		assert.True(t, lowest[rivalry] == 0 || role.Rank < lowest[rivalry], "%s does not rank below its rivals before it", role.ID)
		lowest[rivalry] = role.Rank
	}
}

// TestPowersAreMadeOfRoles that members are given and lose one by one.
func TestPowersAreMadeOfRoles(t *testing.T) {
	t.Parallel()
	for object, powers := range roles.Powers {
		for _, power := range powers {
			for _, relation := range power {
				assert.True(t, slices.ContainsFunc(roles.On(object), func(r roles.Role) bool {
					return r.Relation == relation && r.Way == roles.Membership
				}), "%s#%s", object, relation)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	for _, kind := range roles.Kinds {
		assert.True(t, kind.Parent == "" || defined[kind.Parent], "%s comes before its parent", kind.Type)
		defined[kind.Type] = true

		byType, ok := roles.KindOf(kind.Type)
		assert.True(t, ok)
		assert.Equal(t, kind, byType)
		byCollection, ok := roles.KindIn(kind.Collection)
		assert.True(t, ok)
		assert.Equal(t, kind, byCollection)
	}
	_, ok := roles.KindOf(access.TypeUser)
	assert.False(t, ok)
	_, ok = roles.KindIn("users")
	assert.False(t, ok)
}

func ids(found []roles.Role) []string {
	var listed []string
	for _, r := range found {
		listed = append(listed, r.ID)
	}
	return listed
}
