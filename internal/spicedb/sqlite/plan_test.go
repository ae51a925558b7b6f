package sqlite

import (
	"strings"
	"testing"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"
)

// TestHotReadsAreIndexed asks SQLite for its plans: a check's reads must go right
// to their rows, and a page must start where the last one ended, without a sort.
func TestHotReadsAreIndexed(t *testing.T) {
	d, err := Open(t.Context(), InMemory)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })

	const (
		resource = "spicedb_relationship USING PRIMARY KEY "
		subject  = "spicedb_relationship USING INDEX spicedb_relationship_by_subject "
	)
	user := datastore.SubjectsSelector{OptionalSubjectType: "user", OptionalSubjectIds: []string{"tom"}, RelationFilter: datastore.SubjectRelationFilter{}.WithEllipsisRelation()}
	cursor := options.ToCursor(tuple.MustParse("document:d1#viewer@user:tom"))
	limit := uint64(100)
	page := func(o *options.QueryOptions) *options.QueryOptions {
		o.Limit, o.After = &limit, cursor
		return o
	}
	for name, c := range map[string]struct {
		query func() (query, error)
		plan  string
	}{
		"check, direct": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalResourceIds: []string{"d1"}, OptionalResourceRelation: "viewer",
				OptionalSubjectsSelectors: []datastore.SubjectsSelector{user},
			}, &options.QueryOptions{})
		}, resource + "(object_type=? AND object_id=? AND relation=? AND subject_type=? AND subject_id=? AND subject_relation=? AND deleted>?)"},
		"check, direct, of many": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalResourceIds: []string{"d1", "d2", "d3"}, OptionalResourceRelation: "viewer",
				OptionalSubjectsSelectors: []datastore.SubjectsSelector{user},
			}, &options.QueryOptions{})
		}, "(object_type=? AND object_id=? AND relation=? AND subject_type=? AND subject_id=? AND subject_relation=? AND deleted>?)"},
		"check, through groups": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalResourceIds: []string{"d1"}, OptionalResourceRelation: "viewer",
				OptionalSubjectsSelectors: []datastore.SubjectsSelector{{RelationFilter: datastore.SubjectRelationFilter{}.WithOnlyNonEllipsisRelations()}},
			}, &options.QueryOptions{})
		}, resource + "(object_type=? AND object_id=? AND relation=?)"},
		"check, of some or all": {func() (query, error) {
			all := user
			all.OptionalSubjectIds = []string{"*"}
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalResourceIds: []string{"d1"}, OptionalResourceRelation: "viewer",
				OptionalSubjectsSelectors: []datastore.SubjectsSelector{user, all},
			}, &options.QueryOptions{})
		}, "(object_type=? AND object_id=? AND relation=?"},
		"resources of a subject": {func() (query, error) {
			return reverse(datastore.SubjectsFilter{SubjectType: "user", OptionalSubjectIds: []string{"tom"}, RelationFilter: user.RelationFilter},
				&options.ReverseQueryOptions{ResRelation: &options.ResourceRelation{Namespace: "document", Relation: "viewer"}, SortForReverse: options.BySubject, AfterForReverse: cursor, LimitForReverse: &limit})
		}, subject + "(subject_type=? AND subject_id=? AND subject_relation=? AND object_type=? AND relation=? AND object_id>?)"},
		"resources of a subject, by resource": {func() (query, error) {
			return reverse(datastore.SubjectsFilter{SubjectType: "user", OptionalSubjectIds: []string{"tom"}, RelationFilter: user.RelationFilter},
				&options.ReverseQueryOptions{ResRelation: &options.ResourceRelation{Namespace: "document", Relation: "viewer"}, SortForReverse: options.ByResource, AfterForReverse: cursor, LimitForReverse: &limit})
		}, subject + "(subject_type=? AND subject_id=? AND subject_relation=? AND object_type=? AND relation=? AND object_id>?)"},
		"subjects of a resource, by subject": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalResourceIds: []string{"d1"}, OptionalResourceRelation: "viewer",
			}, page(&options.QueryOptions{Sort: options.BySubject}))
		}, resource + "(object_type=? AND object_id=? AND relation=? AND (subject_type,subject_id,subject_relation)>(?,?,?))"},
		"resources of a subject, all": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{
				OptionalResourceType: "document", OptionalSubjectsSelectors: []datastore.SubjectsSelector{user},
			}, &options.QueryOptions{})
		}, subject + "(subject_type=? AND subject_id=? AND subject_relation=? AND object_type=?)"},
		"export": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{}, page(&options.QueryOptions{Sort: options.ByResource}))
		}, resource + "((object_type,object_id,relation,subject_type,subject_id,subject_relation)>(?,?,?,?,?,?))"},
		"export of a type": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{OptionalResourceType: "document"}, page(&options.QueryOptions{Sort: options.ByResource}))
		}, resource + "(object_type=? AND (object_id,relation,subject_type,subject_id,subject_relation)>(?,?,?,?,?))"},
		"resources by prefix": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{OptionalResourceType: "document", OptionalResourceIDPrefix: "d"}, &options.QueryOptions{})
		}, resource + "(object_type=? AND object_id>? AND object_id<?)"},
		"resources by prefix, a page": {func() (query, error) {
			return forward(datastore.RelationshipsFilter{OptionalResourceType: "document", OptionalResourceIDPrefix: "d"}, page(&options.QueryOptions{Sort: options.ByResource}))
		}, resource + "(object_type=? AND (object_id,relation,subject_type,subject_id,subject_relation)>(?,?,?,?,?)"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := c.query()
			require.NoError(t, err)
			q.at(1)
			plan := explain(t, d, q.text(), q.args)
			require.Contains(t, plan, c.plan)
			require.NotContains(t, plan, "TEMP B-TREE")
			require.NotContains(t, plan, "SCAN")
		})
	}
}

// TestCollectionIsIndexed wants each step of the collector to cost the same in a
// large file as in a small one.
func TestCollectionIsIndexed(t *testing.T) {
	d, err := Open(t.Context(), InMemory)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	for _, text := range []string{deleteReplaced, deleteChanges, deleteExpired} {
		plan := explain(t, d, text, []any{1, 1})
		require.NotContains(t, plan, "SCAN spicedb", text)
		require.NotContains(t, plan, "TEMP B-TREE", text)
	}
}

func explain(t *testing.T, d *Datastore, text string, args []any) string {
	t.Helper()
	rows, err := d.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err)
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, rows.Err())
	return strings.Join(steps, "\n")
}
