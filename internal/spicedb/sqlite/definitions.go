package sqlite

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/authzed/spicedb/pkg/datastore"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
)

// The kinds of definition.
const (
	objectKind = "object"
	caveatKind = "caveat"
)

// definition is a *core.NamespaceDefinition or a *core.CaveatDefinition.
type definition[T any] interface {
	*T
	datastore.SchemaDefinition
	UnmarshalVT([]byte) error
	MarshalVT() ([]byte, error)
}

// definitions reads all of a kind, or those of the names, in the order of names.
func definitions[T any, D definition[T]](ctx context.Context, r *reader, kind string, names ...string) ([]datastore.RevisionedDefinition[D], error) {
	s, at, done, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	text, args := `SELECT created, body FROM spicedb_definition WHERE kind = ? AND created <= ? AND deleted > ?`, []any{kind, at, at}
	if len(names) > 0 {
		text += ` AND name IN (?` + strings.Repeat(", ?", len(names)-1) + `)`
		for _, name := range names {
			args = append(args, name)
		}
	}
	rows, err := s.query(context.WithoutCancel(ctx), text+` ORDER BY name`, args...)
	if err != nil {
		return nil, fmt.Errorf("query the schema: %w", err)
	}
	defer rows.Close()
	var found []datastore.RevisionedDefinition[D]
	for rows.Next() {
		var created uint64
		var body []byte
		if err := rows.Scan(&created, &body); err != nil {
			return nil, fmt.Errorf("read the schema: %w", err)
		}
		d := D(new(T))
		if err := d.UnmarshalVT(body); err != nil {
			return nil, fmt.Errorf("read the schema: %w", err)
		}
		found = append(found, datastore.RevisionedDefinition[D]{Definition: d, LastWrittenRevision: Revision(created)})
	}
	if err := closeRows(ctx, rows); err != nil {
		return nil, err
	}
	return found, r.stillExact()
}

// LegacyReadNamespaceByName reads an object type.
// Errors: NamespaceNotFoundError, those of a read.
func (r *reader) LegacyReadNamespaceByName(ctx context.Context, name string) (*core.NamespaceDefinition, datastore.Revision, error) {
	found, err := definitions[core.NamespaceDefinition](ctx, r, objectKind, name)
	if err != nil {
		return nil, datastore.NoRevision, err
	}
	if len(found) == 0 {
		return nil, datastore.NoRevision, datastore.NewNamespaceNotFoundErr(name)
	}
	return found[0].Definition, found[0].LastWrittenRevision, nil
}

// LegacyListAllNamespaces reads all object types.
// Errors: those of a read.
func (r *reader) LegacyListAllNamespaces(ctx context.Context) ([]datastore.RevisionedNamespace, error) {
	return definitions[core.NamespaceDefinition](ctx, r, objectKind)
}

// LegacyLookupNamespacesWithNames reads those object types that there are.
// Errors: those of a read.
func (r *reader) LegacyLookupNamespacesWithNames(ctx context.Context, names []string) ([]datastore.RevisionedNamespace, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return definitions[core.NamespaceDefinition](ctx, r, objectKind, names...)
}

// LegacyReadCaveatByName reads a caveat.
// Errors: CaveatNameNotFoundError, those of a read.
func (r *reader) LegacyReadCaveatByName(ctx context.Context, name string) (*core.CaveatDefinition, datastore.Revision, error) {
	found, err := definitions[core.CaveatDefinition](ctx, r, caveatKind, name)
	if err != nil {
		return nil, datastore.NoRevision, err
	}
	if len(found) == 0 {
		return nil, datastore.NoRevision, datastore.NewCaveatNameNotFoundErr(name)
	}
	return found[0].Definition, found[0].LastWrittenRevision, nil
}

// LegacyListAllCaveats reads all caveats.
// Errors: those of a read.
func (r *reader) LegacyListAllCaveats(ctx context.Context) ([]datastore.RevisionedCaveat, error) {
	return definitions[core.CaveatDefinition](ctx, r, caveatKind)
}

// LegacyLookupCaveatsWithNames reads those caveats that there are.
// Errors: those of a read.
func (r *reader) LegacyLookupCaveatsWithNames(ctx context.Context, names []string) ([]datastore.RevisionedCaveat, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return definitions[core.CaveatDefinition](ctx, r, caveatKind, names...)
}

// LegacyWriteNamespaces creates or replaces object types.
// Errors: those of ReadWriteTx.
func (t *transaction) LegacyWriteNamespaces(ctx context.Context, ds ...*core.NamespaceDefinition) error {
	return write(ctx, t, objectKind, ds)
}

// LegacyWriteCaveats creates or replaces caveats.
// Errors: those of ReadWriteTx.
func (t *transaction) LegacyWriteCaveats(ctx context.Context, ds []*core.CaveatDefinition) error {
	return write(ctx, t, caveatKind, ds)
}

func write[T any, D definition[T]](ctx context.Context, t *transaction, kind string, ds []D) error {
	given := map[string]bool{}
	for _, d := range ds {
		if given[d.GetName()] {
			return fmt.Errorf("%s %s is given twice", kind, d.GetName())
		}
		given[d.GetName()] = true
		body, err := d.MarshalVT()
		if err != nil {
			return fmt.Errorf("marshal %s %s: %w", kind, d.GetName(), err)
		}
		if _, err := t.undefine(ctx, kind, d.GetName()); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO spicedb_definition (kind, name, deleted, created, body) VALUES (?, ?, ?, ?, ?)`,
			kind, d.GetName(), int64(live), t.revision, body); err != nil {
			return fmt.Errorf("write %s %s: %w", kind, d.GetName(), err)
		}
	}
	return nil
}

// undefine deletes a definition and says whether there was one.
func (t *transaction) undefine(ctx context.Context, kind, name string) (bool, error) {
	if err := t.begin(ctx); err != nil {
		return false, err
	}
	erased, err := t.exec(ctx, `DELETE FROM spicedb_definition WHERE kind = ? AND name = ? AND deleted = ? AND created = ?`, kind, name, int64(live), t.revision)
	if err != nil {
		return false, fmt.Errorf("delete %s %s: %w", kind, name, err)
	}
	killed, err := t.exec(ctx, `UPDATE spicedb_definition SET deleted = ? WHERE kind = ? AND name = ? AND deleted = ?`, t.revision, kind, name, int64(live))
	if err != nil {
		return false, fmt.Errorf("delete %s %s: %w", kind, name, err)
	}
	return erased+killed > 0, nil
}

// LegacyDeleteCaveats deletes those of the caveats that there are.
// Errors: those of ReadWriteTx.
func (t *transaction) LegacyDeleteCaveats(ctx context.Context, names []string) error {
	for _, name := range names {
		if _, err := t.undefine(ctx, caveatKind, name); err != nil {
			return err
		}
	}
	return nil
}

// LegacyDeleteNamespaces deletes object types, and their relationships if so
// asked.
// Errors: NamespaceNotFoundError, those of ReadWriteTx.
func (t *transaction) LegacyDeleteNamespaces(ctx context.Context, names []string, option datastore.DeleteNamespacesRelationshipsOption) error {
	for _, name := range names {
		found, err := t.undefine(ctx, objectKind, name)
		if err != nil {
			return err
		}
		if !found {
			return datastore.NewNamespaceNotFoundErr(name)
		}
		if option != datastore.DeleteNamespacesAndRelationships {
			continue
		}
		if _, _, err := t.DeleteRelationships(ctx, &v1.RelationshipFilter{ResourceType: name}); err != nil {
			return err
		}
	}
	return nil
}
