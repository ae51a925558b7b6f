package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/authzed/spicedb/pkg/datastore"
	core "github.com/authzed/spicedb/pkg/proto/core/v1"
)

// ReadStoredSchema reads the schema that was written as one.
// Errors: ErrSchemaNotFound, those of a read.
func (r *reader) ReadStoredSchema(ctx context.Context) (*datastore.ReadOnlyStoredSchema, error) {
	s, at, done, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var body []byte
	err = s.queryRow(context.WithoutCancel(ctx), `SELECT body FROM spicedb_schema WHERE created <= ? AND deleted > ?`, at, at).Scan(&body)
	if lost := r.stillExact(); lost != nil {
		return nil, lost
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, datastore.ErrSchemaNotFound
	} else if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	schema := &core.StoredSchema{}
	if err := schema.UnmarshalVT(body); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return datastore.NewReadOnlyStoredSchemaWithSize(schema, len(body)), nil
}

// WriteStoredSchema replaces the schema that was written as one.
// Errors: those of ReadWriteTx.
func (t *transaction) WriteStoredSchema(ctx context.Context, schema *core.StoredSchema) error {
	body, err := schema.MarshalVT()
	if err != nil {
		return fmt.Errorf("marshal the schema: %w", err)
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	hash := schema.GetV1().GetSchemaHash()
	if _, err := t.exec(ctx, `UPDATE spicedb_schema SET deleted = ? WHERE deleted = ? AND created < ?`, t.revision, int64(live), t.revision); err != nil {
		return fmt.Errorf("replace the schema: %w", err)
	}
	if _, err := t.exec(ctx, `INSERT OR REPLACE INTO spicedb_schema (deleted, created, hash, body) VALUES (?, ?, ?, ?)`, int64(live), t.revision, hash, body); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	t.hash = hash
	return nil
}
