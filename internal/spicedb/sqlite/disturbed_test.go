package sqlite_test

import (
	"context"
	"slices"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

// BenchmarkCheckDisturbed reports the slowest checks in a hundred while something
// else goes on, and how they compare to those that nothing disturbs. It goes on for
// as long as the disturbance does.
func BenchmarkCheckDisturbed(b *testing.B) {
	idle := 0.0
	for _, c := range []struct {
		name    string
		n       int
		disturb func(ctx context.Context, b *testing.B, d *sqlite.Datastore)
	}{
		{"by nobody", 50_000, func(ctx context.Context, _ *testing.B, _ *sqlite.Datastore) { <-ctx.Done() }},
		{"by a writer who never pauses", 50_000, writeOn},
		{"by the collector of a million rows", 50_000, collectOn},
		{"by the deletion of a million rows", 1_000_000, deleteAll},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := open(b, file(b), sqlite.GCInterval(0), sqlite.GCWindow(0), sqlite.RevisionQuantization(0))
			writeSchema(b, d)
			load(b, d, c.n)
			kept := tuple.MustParse("document:kept#viewer@user:ann")
			mustWrite(b, d, tuple.Touch(kept))
			check := checker(b, d)
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.disturb(ctx, b, d)
			}()
			var took []time.Duration
			timed := func() {
				start := time.Now()
				check(kept)
				took = append(took, time.Since(start))
			}
			for b.Loop() {
				timed()
			}
			cancel()
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				default:
					timed()
				}
			}
			slices.Sort(took)
			p99 := float64(took[len(took)*99/100].Microseconds())
			b.ReportMetric(p99, "p99-µs")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
			if idle == 0 {
				idle = p99
			}
			b.ReportMetric(p99/idle, "×idle-p99")
		})
	}
}

func writeOn(ctx context.Context, b *testing.B, d *sqlite.Datastore) {
	i := 50_000
	for begun := time.Now(); ; i++ {
		if ctx.Err() != nil {
			b.ReportMetric(float64(i-50_000)/time.Since(begun).Seconds(), "writes/s")
			return
		}
		_, err := write(context.WithoutCancel(ctx), d, tuple.Touch(nth(i)))
		assert.NoError(b, err)
	}
}

// collectOn makes garbage and has it collected.
func collectOn(ctx context.Context, b *testing.B, d *sqlite.Datastore) {
	for ctx.Err() == nil {
		for range 2 {
			_, err := d.ReadWriteTx(context.WithoutCancel(ctx), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
				for n := range 10_000 {
					r := nth(n)
					if err := tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Delete(r)}); err != nil {
						return err
					}
					if err := tx.WriteRelationships(ctx, []tuple.RelationshipUpdate{tuple.Touch(r)}); err != nil {
						return err
					}
				}
				return nil
			})
			assert.NoError(b, err)
		}
		assert.NoError(b, datastore.RunGarbageCollection(context.WithoutCancel(ctx), d, 0))
	}
}

func deleteAll(ctx context.Context, b *testing.B, d *sqlite.Datastore) {
	begun := time.Now()
	_, err := d.ReadWriteTx(context.WithoutCancel(ctx), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
		_, _, err := tx.DeleteRelationships(ctx, &v1.RelationshipFilter{ResourceType: "document", OptionalResourceIdPrefix: "01JD"})
		return err
	})
	assert.NoError(b, err)
	b.ReportMetric(time.Since(begun).Seconds(), "s-for-all")
}
