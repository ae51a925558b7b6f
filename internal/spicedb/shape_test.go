package spicedb_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// TestShape reads every construct that a permission is made of.
func TestShape(t *testing.T) {
	t.Parallel()

	shape, err := spicedb.Shape(`
		use expiration
		use self
		definition user {
			permission own = self
		}
		definition folder {
			relation reader: user
		}
		definition file {
			relation parent: folder
			relation owner: user | user with expiration
			relation public: user:*
			permission read = (owner + parent->reader) & (public - owner)
		}`)
	require.NoError(t, err)
	assert.Equal(t, access.Rule{Formula: &access.Formula{Self: true}}, shape["user"]["own"])
	assert.Equal(t, access.Rule{Subjects: []string{"folder"}}, shape["file"]["parent"])
	assert.Equal(t, access.Rule{Subjects: []string{"user"}}, shape["file"]["owner"])
	assert.Equal(t, access.Rule{Subjects: []string{"user"}, Flag: true}, shape["file"]["public"])
	owner := access.Formula{Name: "owner"}
	assert.Equal(t, &access.Formula{Combines: access.Intersection, Of: []access.Formula{
		{Combines: access.Union, Of: []access.Formula{owner, {Tie: "parent", Name: "reader"}}},
		{Combines: access.Exclusion, Of: []access.Formula{{Name: "public"}, owner}},
	}}, shape["file"]["read"].Formula)
}

// TestOurSchemaHasAShape, and what has none is refused.
func TestOurSchemaHasAShape(t *testing.T) {
	t.Parallel()

	shape, err := spicedb.Shape(schema.Text)
	require.NoError(t, err)
	assert.NotNil(t, shape["project"]["view"].Formula)
	for text, why := range map[string]string{
		"definition abc {\n permission pqr = nil\n}":                              "Nil is not known here",
		"definition abc {\n relation rel: abc\n permission pqr = rel.all(rel)\n}": "FunctionedTupleToUserset is not known here",
		"definition a {": "parse error",
	} {
		_, err := spicedb.Shape(text)
		assert.ErrorContains(t, err, why)
	}
}
