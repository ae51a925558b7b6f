package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/authzed/spicedb/pkg/caveats/types"
	dsconfig "github.com/authzed/spicedb/pkg/cmd/datastore"
	"github.com/authzed/spicedb/pkg/datalayer"
	"github.com/authzed/spicedb/pkg/datastore"
	"github.com/authzed/spicedb/pkg/embedded"
	"github.com/authzed/spicedb/pkg/schemadsl/compiler"
	"github.com/authzed/spicedb/pkg/schemadsl/input"
	"github.com/authzed/spicedb/pkg/tuple"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/spicedb/sqlite"
)

const benchSchema = `definition user {}
definition group {
	relation member: user
}
definition document {
	relation viewer: user | group#member
	permission view = viewer
}`

const mode = datalayer.SchemaModeReadNewWriteBoth

func writeSchema(b *testing.B, d datastore.Datastore) {
	b.Helper()
	compiled, err := compiler.Compile(compiler.InputSchema{Source: input.Source("schema"), SchemaString: benchSchema}, compiler.AllowUnprefixedObjectType())
	require.NoError(b, err)
	var definitions []datastore.SchemaDefinition
	for _, o := range compiled.ObjectDefinitions {
		definitions = append(definitions, o)
	}
	_, err = datalayer.NewDataLayer(d, datalayer.WithSchemaMode(mode)).ReadWriteTx(b.Context(), func(ctx context.Context, tx datalayer.ReadWriteTransaction) error {
		_, err := tx.WriteSchema(ctx, definitions, benchSchema, nil)
		return err
	})
	require.NoError(b, err)
}

// sequence is n relationships: ten viewers to a document.
type sequence struct{ next, n int }

func nth(n int) tuple.Relationship {
	return tuple.Relationship{RelationshipReference: tuple.RelationshipReference{
		Resource: tuple.ObjectAndRelation{ObjectType: "document", ObjectID: fmt.Sprintf("01JD%022d", n/10), Relation: "viewer"},
		Subject:  tuple.ObjectAndRelation{ObjectType: "user", ObjectID: fmt.Sprintf("01JU%022d", n), Relation: tuple.Ellipsis},
	}}
}

func (s *sequence) Next(context.Context) (*tuple.Relationship, error) {
	if s.next == s.n {
		return nil, nil
	}
	r := nth(s.next)
	s.next++
	return &r, nil
}

func load(b *testing.B, d datastore.Datastore, n int) {
	b.Helper()
	source := &sequence{}
	for source.next < n {
		source.n = min(n, source.next+10_000)
		_, err := d.ReadWriteTx(b.Context(), func(ctx context.Context, tx datastore.ReadWriteTransaction) error {
			_, err := tx.BulkLoad(ctx, source)
			return err
		})
		require.NoError(b, err)
	}
}

var sizes = []int{1_000, 50_000, 1_000_000}

func memory(b *testing.B) datastore.Datastore {
	b.Helper()
	d, err := dsconfig.NewDatastore(b.Context(), dsconfig.DefaultDatastoreConfig().ToOption(),
		dsconfig.WithEngine(dsconfig.MemoryEngine), dsconfig.WithCaveatTypeSet(types.Default.TypeSet))
	require.NoError(b, err)
	b.Cleanup(func() { _ = d.Close() })
	return d
}

func checker(b *testing.B, d datastore.Datastore) func(r tuple.Relationship) {
	b.Helper()
	p, err := embedded.NewPermissions(embedded.Config{Datastore: d, SchemaMode: mode, SchemaCacheMaxCostBytes: 16 << 20})
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Close() })
	return func(r tuple.Relationship) {
		answer, err := p.Check(b.Context(), embedded.CheckRequest{
			ResourceType: "document", ResourceID: r.Resource.ObjectID, Permission: "view", SubjectType: "user", SubjectID: r.Subject.ObjectID,
		})
		if err != nil || !answer.HasPermission {
			b.Errorf("check %s: %v, %v", tuple.MustString(r), answer, err)
		}
	}
}

// processor reports the time the process was on a processor, which says more than
// the clock where others are at work: the returned function ends the measurement.
func processor(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op") }
}

// ratios compare what is measured in one run.
type ratios map[string]float64

// of reports how many times as long the benchmark took as a former one.
func (r ratios) of(b *testing.B, name, former, unit string) {
	r[name] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	if r[former] > 0 {
		b.ReportMetric(r[name]/r[former], unit)
	}
}

// BenchmarkCheck asks uncached, of a relationship each time another. Its ratios are
// to this engine with the fewest relationships, and of the memory engine to this
// one with as many.
func BenchmarkCheck(b *testing.B) {
	took := ratios{}
	for _, n := range sizes {
		for _, engine := range []struct {
			name, beside, unit string
			open               func(b *testing.B) datastore.Datastore
		}{
			{"sqlite", fmt.Sprint("sqlite", sizes[0]), "×smallest", func(b *testing.B) datastore.Datastore { return open(b, file(b)) }},
			{"memory", fmt.Sprint("sqlite", n), "×sqlite", memory},
		} {
			b.Run(fmt.Sprintf("%s/%d", engine.name, n), func(b *testing.B) {
				d := engine.open(b)
				writeSchema(b, d)
				load(b, d, n)
				check := checker(b, d)
				check(nth(0))
				end := processor(b)
				i := 0
				for b.Loop() {
					i = (i + 7919) % n
					check(nth(i))
				}
				end()
				took.of(b, fmt.Sprint(engine.name, n), engine.beside, engine.unit)
			})
		}
	}
}

// BenchmarkWrite compares to syncing every commit.
func BenchmarkWrite(b *testing.B) {
	took := ratios{}
	for _, batch := range []int{1, 100} {
		for _, c := range []struct {
			name string
			open func(b *testing.B) datastore.Datastore
		}{
			{"full", func(b *testing.B) datastore.Datastore { return open(b, file(b)) }},
			{"normal", func(b *testing.B) datastore.Datastore { return open(b, file(b), sqlite.SynchronousNormal()) }},
			{"memory", memory},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, batch), func(b *testing.B) {
				d := c.open(b)
				load(b, d, 50_000)
				end := processor(b)
				i := 50_000
				for b.Loop() {
					var updates []tuple.RelationshipUpdate
					for range batch {
						updates = append(updates, tuple.Touch(nth(i)))
						i++
					}
					mustWrite(b, d, updates...)
				}
				end()
				b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "relationships/s")
				took.of(b, fmt.Sprint(c.name, batch), fmt.Sprint("full", batch), "×full")
			})
		}
	}
}

func BenchmarkImport(b *testing.B) {
	const n = 100_000
	took := ratios{}
	for _, c := range []struct {
		name string
		open func(b *testing.B) datastore.Datastore
	}{
		{"sqlite", func(b *testing.B) datastore.Datastore { return open(b, file(b)) }},
		{"memory", memory},
	} {
		b.Run(c.name, func(b *testing.B) {
			end := processor(b)
			for b.Loop() {
				load(b, c.open(b), n)
			}
			end()
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "relationships/s")
			took.of(b, c.name, "sqlite", "×sqlite")
		})
	}
}

// BenchmarkOpen includes the check of the whole file.
func BenchmarkOpen(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := file(b)
			d := open(b, path)
			load(b, d, n)
			require.NoError(b, d.Close())
			info, err := os.Stat(path)
			require.NoError(b, err)
			end := processor(b)
			for b.Loop() {
				d, err := sqlite.Open(b.Context(), path)
				require.NoError(b, err)
				require.NoError(b, d.Close())
			}
			end()
			b.ReportMetric(float64(info.Size())/float64(n), "bytes/relationship")
		})
	}
}

// BenchmarkRead is one indexed read, without the engine above.
func BenchmarkRead(b *testing.B) {
	d := open(b, file(b))
	load(b, d, 50_000)
	reader := d.SnapshotReader(newest(b, d))
	end := processor(b)
	defer end()
	i := 0
	for b.Loop() {
		i = (i + 7919) % 50_000
		r := nth(i)
		found, err := reader.QueryRelationships(b.Context(), datastore.RelationshipsFilter{
			OptionalResourceType: "document", OptionalResourceIds: []string{r.Resource.ObjectID}, OptionalResourceRelation: "viewer",
			OptionalSubjectsSelectors: []datastore.SubjectsSelector{{
				OptionalSubjectType: "user", OptionalSubjectIds: []string{r.Subject.ObjectID},
				RelationFilter: datastore.SubjectRelationFilter{}.WithEllipsisRelation(),
			}},
		})
		require.NoError(b, err)
		if _, ok, err := datastore.FirstRelationshipIn(found); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
