package sqlite

import (
	"fmt"
	"maps"
	"slices"

	"github.com/authzed/spicedb/pkg/datastore"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
)

// changes collects what was done, by revision.
type changes struct {
	revisions map[int64]*datastore.RevisionChanges
	size      uint64
	limit     uint64 // in bytes, if any
}

// at is the change of a revision, into which one more thing goes, if any.
// Errors: MaximumChangesSizeExceededError.
func (c *changes) at(revision int64, more interface{ SizeVT() int }) (*datastore.RevisionChanges, error) {
	if more != nil {
		c.size += uint64(more.SizeVT())
	}
	if c.limit > 0 && c.size > c.limit {
		return nil, datastore.NewMaximumChangesSizeExceededError(c.limit)
	}
	if c.revisions == nil {
		c.revisions = map[int64]*datastore.RevisionChanges{}
	}
	change := c.revisions[revision]
	if change == nil {
		change = &datastore.RevisionChanges{Revision: Revision(revision)}
		c.revisions[revision] = change
	}
	return change, nil
}

// define adds a definition; one without a body was deleted.
func (c *changes) define(revision int64, kind, name string, body []byte) error {
	if body == nil {
		change, err := c.at(revision, nil)
		if err != nil {
			return err
		}
		if kind == caveatKind {
			change.DeletedCaveats = append(change.DeletedCaveats, name)
		} else {
			change.DeletedNamespaces = append(change.DeletedNamespaces, name)
		}
		return nil
	}
	var d interface {
		datastore.SchemaDefinition
		UnmarshalVT([]byte) error
	} = &core.NamespaceDefinition{}
	if kind == caveatKind {
		d = &core.CaveatDefinition{}
	}
	if err := d.UnmarshalVT(body); err != nil {
		return fmt.Errorf("read %s %s: %w", kind, name, err)
	}
	change, err := c.at(revision, d)
	if err != nil {
		return err
	}
	change.ChangedDefinitions = append(change.ChangedDefinitions, d)
	return nil
}

func (c *changes) inOrder() []datastore.RevisionChanges {
	sorted := make([]datastore.RevisionChanges, 0, len(c.revisions)+1)
	for _, revision := range slices.Sorted(maps.Keys(c.revisions)) {
		sorted = append(sorted, *c.revisions[revision])
	}
	return sorted
}
