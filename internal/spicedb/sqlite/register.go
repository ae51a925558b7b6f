package sqlite

import (
	"context"
	"errors"

	"github.com/authzed/spicedb/pkg/cmd/datastore/dsconfig"
	"github.com/authzed/spicedb/pkg/datastore"
)

// Importing this package is enough for SpiceDB to know the engine; the URI is
// the path of the file.
func init() {
	dsconfig.RegisterEngine(Engine, func(ctx context.Context, c dsconfig.Config) (datastore.Datastore, error) {
		if len(c.ReadReplicaURIs) > 0 {
			return nil, errors.New("a SQLite file has no read replicas: name none")
		}
		return Open(ctx, c.URI,
			RevisionQuantization(c.RevisionQuantization),
			GCWindow(c.GCWindow),
			GCInterval(c.GCInterval),
			WatchBuffer(c.WatchBufferLength, c.WatchBufferWriteTimeout),
		)
	})
}
