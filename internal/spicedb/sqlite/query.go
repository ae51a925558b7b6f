package sqlite

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/options"
	"github.com/authzed/spicedb/pkg/tuple"
)

// column is one of the six that make up a relationship.
type column int

const (
	objectType column = iota
	objectID
	relation
	subjectType
	subjectID
	subjectRelation
	width
)

var columns = [width]string{"object_type", "object_id", "relation", "subject_type", "subject_id", "subject_relation"}

var (
	byResource = [width]column{objectType, objectID, relation, subjectType, subjectID, subjectRelation}
	bySubject  = [width]column{subjectType, subjectID, subjectRelation, objectType, objectID, relation}
)

// key is a relationship without its caveat and expiration.
type key [width]string

func keyOf(r tuple.RelationshipReference) key {
	return key{r.Resource.ObjectType, r.Resource.ObjectID, r.Resource.Relation, r.Subject.ObjectType, r.Subject.ObjectID, r.Subject.Relation}
}

func (k *key) reference() tuple.RelationshipReference {
	return tuple.RelationshipReference{
		Resource: tuple.ObjectAndRelation{ObjectType: k[objectType], ObjectID: k[objectID], Relation: k[relation]},
		Subject:  tuple.ObjectAndRelation{ObjectType: k[subjectType], ObjectID: k[subjectID], Relation: k[subjectRelation]},
	}
}

func (k *key) args() []any {
	return []any{k[objectType], k[objectID], k[relation], k[subjectType], k[subjectID], k[subjectRelation]}
}

// query is a search for relationships.
type query struct {
	conditions []string
	args       []any

	// known columns have one value in all the results: they are not read.
	known  [width]bool
	values key
	// An index leads right to the results, from their resources or subjects.
	keyedByResource, keyedBySubject bool

	order          string
	limit          string
	skipCaveats    bool
	skipExpiration bool

	from int // the condition that a range of resources begins with, from 1
}

func (q *query) where(condition string, args ...any) {
	q.conditions = append(q.conditions, condition)
	q.args = append(q.args, args...)
}

func (q *query) is(c column, value string) {
	q.where(columns[c]+" = ?", value)
	q.known[c], q.values[c] = true, value
}

func (q *query) in(c column, values []string) {
	if len(values) == 1 {
		q.is(c, values[0])
		return
	}
	condition, args := in(c, values)
	q.where(condition, args...)
}

// in repeats the last value up to a power of two, so that there are few
// statements to prepare.
func in(c column, values []string) (string, []any) {
	padded := 1 << bits.Len(uint(len(values)-1))
	args := make([]any, padded)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return columns[c] + " IN (?" + strings.Repeat(", ?", padded-1) + ")", args
}

// resources selects what a filter says of resources, caveats and expirations.
func (q *query) resources(f datastore.RelationshipsFilter) error {
	if f.OptionalResourceType != "" {
		q.is(objectType, f.OptionalResourceType)
	}
	if len(f.OptionalResourceIds) > 0 {
		q.in(objectID, f.OptionalResourceIds)
		q.keyedByResource = q.known[objectType]
	}
	if p := f.OptionalResourceIDPrefix; p != "" {
		if len(f.OptionalResourceIds) > 0 {
			return fmt.Errorf("a filter has both resource ids and their prefix %q", p)
		}
		q.where("object_id >= ?", p)
		q.from = len(q.conditions)
		q.where("object_id < ?", p+"\U0010ffff")
	}
	if f.OptionalResourceRelation != "" {
		q.is(relation, f.OptionalResourceRelation)
	}
	switch f.OptionalCaveatNameFilter.Option {
	case datastore.CaveatFilterOptionHasMatchingCaveat:
		q.where("caveat = ?", f.OptionalCaveatNameFilter.CaveatName)
	case datastore.CaveatFilterOptionNoCaveat:
		q.where("caveat IS NULL")
	case datastore.CaveatFilterOptionNone:
	}
	switch f.OptionalExpirationOption {
	case datastore.ExpirationFilterOptionHasExpiration:
		q.where("expiration IS NOT NULL")
	case datastore.ExpirationFilterOptionNoExpiration:
		q.where("expiration IS NULL")
	case datastore.ExpirationFilterOptionNone:
	}
	return nil
}

// subjects selects any of the subjects.
func (q *query) subjects(selectors ...datastore.SubjectsSelector) {
	if len(selectors) == 1 {
		q.subject(selectors[0])
		return
	}
	var either query
	for _, s := range selectors {
		var one query
		one.subject(s)
		either.where("("+strings.Join(append(one.conditions, "TRUE"), " AND ")+")", one.args...)
	}
	if len(selectors) > 0 {
		q.where("("+strings.Join(either.conditions, " OR ")+")", either.args...)
	}
}

func (q *query) subject(s datastore.SubjectsSelector) {
	if s.OptionalSubjectType != "" {
		q.is(subjectType, s.OptionalSubjectType)
	}
	if len(s.OptionalSubjectIds) > 0 {
		q.in(subjectID, s.OptionalSubjectIds)
		q.keyedBySubject = q.known[subjectType]
	}
	switch f := s.RelationFilter; {
	case f.OnlyNonEllipsisRelations:
		q.where("subject_relation <> ?", datastore.Ellipsis)
	case f.IncludeEllipsisRelation && f.NonEllipsisRelation != "":
		q.where("subject_relation IN (?, ?)", datastore.Ellipsis, f.NonEllipsisRelation)
	case f.IncludeEllipsisRelation:
		q.is(subjectRelation, datastore.Ellipsis)
	case f.NonEllipsisRelation != "":
		q.is(subjectRelation, f.NonEllipsisRelation)
	}
}

// at selects what is seen at the revision.
func (q *query) at(revision int64) {
	q.where("created <= ? AND deleted > ?", revision, revision)
}

// unexpired selects what has not expired by now, which is later than the
// revision. It does not listen to callers who know that nothing can expire:
// SpiceDB thinks so of every subject of a type when one of its kinds cannot.
func (q *query) unexpired() {
	q.where("(expiration IS NULL OR expiration > ?)", time.Now().UnixMicro())
}

// page sorts the results, and cuts out those after one and not after another.
// Errors: datastore.ErrCursorsWithoutSorting.
func (q *query) page(sort options.SortOrder, after, until options.Cursor, limit *uint64) error {
	if limit != nil && *limit < live {
		q.limit = fmt.Sprintf(" LIMIT %d", *limit)
	}
	order := byResource
	switch sort {
	case options.Unsorted:
		if after != nil || until != nil {
			return datastore.ErrCursorsWithoutSorting
		}
		return nil
	case options.BySubject:
		order = bySubject
	case options.ChooseEfficient:
		if q.known[subjectID] && !q.known[objectID] {
			order = bySubject
		}
	case options.ByResource:
	}
	// Only the columns that vary, so that the index finds the first of the page.
	var names []string
	var vary []column
	for _, c := range order {
		if !q.known[c] {
			names, vary = append(names, columns[c]), append(vary, c)
		}
	}
	if len(vary) == 0 {
		return nil
	}
	list := strings.Join(names, ", ")
	q.order = " ORDER BY " + list
	if after != nil && q.from > 0 {
		// The index starts where one condition says: not at the prefix, but after it.
		q.conditions[q.from-1] = "+" + q.conditions[q.from-1]
	}
	for _, bound := range []struct {
		cursor  options.Cursor
		compare string
	}{{after, ">"}, {until, "<="}} {
		if bound.cursor == nil {
			continue
		}
		k := keyOf(bound.cursor.RelationshipReference)
		args := make([]any, len(vary))
		for i, c := range vary {
			args[i] = k[c]
		}
		q.where("("+list+") "+bound.compare+" (?"+strings.Repeat(", ?", len(vary)-1)+")", args...)
	}
	return nil
}

// filter is the conditions in SQL. SQLite is not left to choose where it would
// rather read a whole type in order than sort what a subject has.
func (q *query) filter() string {
	from := " FROM spicedb_relationship"
	if q.keyedBySubject && !q.keyedByResource {
		from += " INDEXED BY spicedb_relationship_by_subject"
	}
	return from + " WHERE " + strings.Join(q.conditions, " AND ")
}

// text is the search in SQL.
func (q *query) text() string {
	read := make([]string, 0, width+3)
	for c, known := range q.known {
		if !known {
			read = append(read, columns[c])
		}
	}
	if !q.skipCaveats {
		read = append(read, "caveat", "context")
	}
	if !q.skipExpiration {
		read = append(read, "expiration")
	}
	if len(read) == 0 {
		read = append(read, "NULL")
	}
	return "SELECT " + strings.Join(read, ", ") + q.filter() + q.order + q.limit
}
