package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	consistency "github.com/authzed/spicedb/pkg/consistency/test"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/datastore/test"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// inFile opens a datastore for each of SpiceDB's own tests.
func inFile(t testing.TB, p test.RevisionParameters, watchBufferLength uint16) (datastore.Datastore, error) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data.db"),
		sqlite.RevisionQuantization(p.Quantization),
		sqlite.GCInterval(time.Duration(p.GCRunInterval)),
		sqlite.GCWindow(time.Duration(p.GCRetentionWindow)),
		sqlite.WatchBuffer(watchBufferLength, 100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, nil
}

func TestConformance(t *testing.T) {
	// Migrations are excepted, as they are for SpiceDB's memory engine: there is
	// no command to run them, for a file is migrated when it is opened.
	test.AllWithExceptions(t, test.NewTesterFactory(sqlite.ErrBusy).NewTester(test.DatastoreTesterFunc(inFile)), test.WithCategories(test.MigrationCategory))
}

func TestConsistency(t *testing.T) {
	consistency.AllConsistency(t, test.DatastoreTesterFunc(inFile))
}
