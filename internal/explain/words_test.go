package explain

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// TestThereAreWordsForTheSchema and for nothing else: every permission, and every
// relation by whose absence one is denied.
func TestThereAreWordsForTheSchema(t *testing.T) {
	t.Parallel()
	shape, err := spicedb.Shape(schema.Text)
	require.NoError(t, err)
	for objectType, rules := range shape {
		for name, rule := range rules {
			_, isRole := roleOf(access.Relate(access.Object{Type: objectType}, name, access.User("ann")))
			switch {
			case rule.Formula != nil:
				words := permissions[objectType][name]
				assert.NotEmpty(t, words, "%s of %s", name, objectType)
				for form := range strings.SplitSeq(words, "|") {
					assert.Equal(t, 1, strings.Count(form, "%s"), "%s of %s", name, objectType)
				}
			case rule.Flag:
				assert.Contains(t, missing[objectType][name], "%[1]s", "%s of %s", name, objectType)
			case rule.Subjects[0] == access.TypeUser && !isRole && objectType != access.TypeInvitation:
				assert.Equal(t, 2, strings.Count(marks[objectType][name], "%s"), "%s of %s", name, objectType)
			}
		}
	}
	for _, table := range []map[string]map[string]string{permissions, missing, marks} {
		for objectType, words := range table {
			for name := range words {
				assert.Contains(t, shape[objectType], name, objectType)
			}
		}
	}
	for _, table := range []map[string][]string{decisive, discreet} {
		for objectType, names := range table {
			for _, name := range names {
				assert.Contains(t, shape[objectType], name, objectType)
			}
		}
	}
}
