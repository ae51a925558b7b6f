package relationships_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/schema"
)

// TestASchemaKeepsWhatIsInUse: it may drop a relation only once nothing is
// related by it.
func TestASchemaKeepsWhatIsInUse(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	_, err := g.Write(t.Context(), touching(member("apollo", "ann"), admin("apollo", "bob")))
	require.NoError(t, err)
	without := strings.Replace(schema.Text, "	relation member: user | user with expiration\n", "", 1)
	without = strings.Replace(without, "(member - is_removed) + administer", "administer", 1)
	require.NotEqual(t, schema.Text, without)

	err = g.ApplySchema(t.Context(), without)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "would drop relationships in use")
	assert.Contains(t, err.Error(), "`member`", "the relation is named")
	assert.Contains(t, err.Error(), "zed", "the way out is named")

	_, err = g.Write(t.Context(), touching(member("hermes", "cid")))
	require.NoError(t, err, "the old schema still stands")
	_, err = g.Write(t.Context(), deleting(member("apollo", "ann"), member("hermes", "cid")))
	require.NoError(t, err)
	assert.NoError(t, g.ApplySchema(t.Context(), without))
}

func TestASchemaMustMakeSense(t *testing.T) {
	t.Parallel()
	g, _ := start(t)
	err := g.ApplySchema(t.Context(), "definition user {} definition castle { permission enter = drawbridge }")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "in use")
	assert.NoError(t, g.ApplySchema(t.Context(), schema.Text), "applying it again changes nothing")
}
