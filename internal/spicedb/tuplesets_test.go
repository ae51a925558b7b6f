package spicedb_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/schema"
)

// TestReach tells assignments from structure by a schema.
func TestReach(t *testing.T) {
	tuplesets, err := spicedb.Tuplesets(`
definition user {}
definition folder {
	relation parent: folder
	relation all: folder
	relation viewer: user | user:* | folder#viewer
	permission view = viewer + parent->view + all.all(view)
}`)
	require.NoError(t, err)
	inbox := access.Object{Type: "folder", ID: "inbox"}
	ann := access.User("ann")
	relate := func(relation string, s access.Subject) access.Relationship {
		return access.Relationship{Resource: inbox, Relation: relation, Subject: s}
	}
	for name, c := range map[string]struct {
		r      access.Relationship
		leaves []access.Object
		want   access.Reach
	}{
		"assignment":           {relate("viewer", access.Subject{Object: ann}), nil, access.OfSubject(ann)},
		"wildcard":             {relate("viewer", access.Subject{Object: access.User("*")}), nil, access.Everything},
		"group":                {relate("viewer", access.Subject{Object: inbox, Relation: "viewer"}), nil, access.Everything},
		"left of an arrow":     {relate("parent", access.Subject{Object: inbox}), nil, access.Everything},
		"left of a function":   {relate("all", access.Subject{Object: inbox}), nil, access.Everything},
		"unknown relation":     {relate("owner", access.Subject{Object: ann}), nil, access.Everything},
		"permission":           {relate("view", access.Subject{Object: ann}), nil, access.Everything},
		"unknown type":         {access.Relate(access.Object{Type: "file", ID: "1"}, "viewer", ann), nil, access.Everything},
		"on a leaf":            {relate("parent", access.Subject{Object: inbox}), []access.Object{inbox}, access.OfResource(inbox)},
		"on another than leaf": {relate("parent", access.Subject{Object: inbox}), []access.Object{ann}, access.Everything},
		"assignment on a leaf": {relate("viewer", access.Subject{Object: ann}), []access.Object{inbox}, access.OfResource(inbox)},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, tuplesets.Reach(c.r, c.leaves)) })
	}
	structure := relate("parent", access.Subject{Object: inbox})
	assignment := relate("viewer", access.Subject{Object: ann})
	assert.Equal(t, []access.Reach{access.OfSubject(ann)}, tuplesets.Reaches([]access.Relationship{assignment, assignment}, nil))
	assert.Equal(t, []access.Reach{access.Everything}, tuplesets.Reaches([]access.Relationship{assignment, structure}, nil))
	_, err = spicedb.Tuplesets("definition {")
	assert.Error(t, err)
}

// TestNoTuplesetLeadsToAPerson: all that relates a person is an assignment, so that
// no role empties the cache, and to forget a person concerns them alone.
func TestNoTuplesetLeadsToAPerson(t *testing.T) {
	tuplesets, err := spicedb.Tuplesets(schema.Text)
	require.NoError(t, err)
	require.NotEmpty(t, tuplesets[access.TypeProject])
	objectType, found := "", 0
	for line := range strings.Lines(schema.Text) {
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && words[0] == "definition":
			objectType = words[1]
		case len(words) > 2 && words[0] == "relation":
			relation := strings.TrimSuffix(words[1], ":")
			tupleset, known := tuplesets[objectType][relation]
			require.True(t, known, "%s#%s", objectType, relation)
			if tupleset {
				found++
				assert.NotContains(t, words[2:], "user", "%s#%s", objectType, relation)
			}
		}
	}
	assert.Positive(t, found, "tuplesets")
}
