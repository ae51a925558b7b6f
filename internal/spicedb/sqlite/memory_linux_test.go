package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// resident is how much memory the process has, in MB, once it has cleaned up.
func resident(b *testing.B) float64 {
	b.Helper()
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		var kB float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kB); err == nil {
			return kB / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

// BenchmarkMemory loads a million relationships, then changes as many in small
// transactions with the collector at work, and reports memory and file size at
// every third of the way: they must not grow.
func BenchmarkMemory(b *testing.B) {
	const n, third = 1_000_000, 333_000
	path := file(b)
	d := open(b, path, sqlite.RevisionQuantization(0), sqlite.GCInterval(0), sqlite.GCWindow(0))
	writeSchema(b, d)
	load(b, d, n)
	check := checker(b, d)
	report := func(at int) {
		for i := range 10_000 {
			check(nth(i * 97))
		}
		require.NoError(b, datastore.RunGarbageCollection(b.Context(), d, 0))
		b.ReportMetric(resident(b), fmt.Sprintf("MB@%d/3", at))
		info, err := os.Stat(path)
		require.NoError(b, err)
		b.ReportMetric(float64(info.Size()>>20), fmt.Sprintf("file-MB@%d/3", at))
	}
	for b.Loop() {
		report(0)
		collected := time.Now()
		for at := 1; at <= 3; at++ {
			for i := 0; i < third; i += 500 {
				_, err := d.ReadWriteTx(b.Context(), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
					for j := range 500 {
						r := nth((i + j) * 3 % n)
						until := time.Now().Add(time.Hour)
						r.OptionalExpiration = &until
						if err := tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Touch(r)}); err != nil {
							return err
						}
					}
					return nil
				})
				require.NoError(b, err)
				if time.Since(collected) > time.Second {
					require.NoError(b, datastore.RunGarbageCollection(b.Context(), d, 0))
					collected = time.Now()
				}
			}
			report(at)
		}
	}
}
