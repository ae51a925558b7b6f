package sqlite

import (
	"context"
	"fmt"

	"github.com/authzed/spicedb/pkg/datastore"
)

// Statistics describes the data. The estimate counts rows, dead ones included.
// Errors: those of a read.
func (d *Datastore) Statistics(ctx context.Context) (datastore.Stats, error) {
	newest, err := d.HeadRevision(ctx)
	if err != nil {
		return datastore.Stats{}, err
	}
	types, err := d.SnapshotReader(newest.Revision).LegacyListAllNamespaces(ctx)
	if err != nil {
		return datastore.Stats{}, err
	}
	stats := datastore.Stats{UniqueID: d.uniqueID, ObjectTypeStatistics: datastore.ComputeObjectTypeStats(types)}
	if err := d.readers.queryRow(ctx, `SELECT count(*) FROM spicedb_relationship`).Scan(&stats.EstimatedRelationshipCount); err != nil {
		return datastore.Stats{}, fmt.Errorf("count relationships: %w", err)
	}
	return stats, nil
}
