package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/schema"
)

// spiceDB looks at a SpiceDB that runs by itself.
func spiceDB(ctx context.Context, e *examination) {
	conn, err := relationships.Dial(e.SpiceDBEndpoint, e.SpiceDBKey, e.SpiceDBCAFile, e.Plaintext(), nil)
	if err != nil {
		return // which certificates says
	}
	defer func() { _ = conn.Close() }() // nothing was written
	look := relationships.NewExamination(conn)
	first, err := look.First(ctx)
	switch {
	case errors.Is(err, relationships.ErrKeyRefused):
		e.problem("spicedb_key_refused", "set spicedb-key to one of SpiceDB's --grpc-preshared-key", "SpiceDB at %s refuses the preshared key", e.SpiceDBEndpoint)
		return
	case err != nil && !errors.Is(err, relationships.ErrNoSchema):
		e.problem("unreachable", "start the SpiceDB that --spicedb-endpoint names, or correct the settings that begin with spicedb-",
			"nobody is allowed anything: SpiceDB at %s does not answer: %v", e.SpiceDBEndpoint, err)
		return
	}
	metrics := e.metrics(ctx)
	if err != nil { // an empty one: the first start gives it the schema, before which it can be asked nothing
		e.caches(ctx, nil, first, metrics)
		return
	}
	e.schema(ctx, look, first.Edition)
	e.inquire(e.watch(ctx, look, first))
	e.caches(ctx, look, first, metrics)
}

func (e *examination) schema(ctx context.Context, look *relationships.Examination, edition int) {
	differences, err := look.Drift(ctx, schema.Text)
	ours := relationships.Edition(schema.Text)
	switch {
	case err != nil:
		e.inquire(err)
	case edition > ours:
		e.warning("schema_later", "upgrade this Gatehouse too", "SpiceDB has edition %d of the schema, and this program edition %d: while that is so, every check is computed", edition, ours)
	case differences > 0:
		e.warning("schema_drift", "restart one server, which applies its own; whoever changed the schema must do so no more",
			"the schema in SpiceDB differs from this program's in %d places: while that is so, every check is computed", differences)
	}
}

// listen is how long a watch may take to fail. One that works says nothing for a while.
const listen = 2 * time.Second

func (e *examination) watch(ctx context.Context, look *relationships.Examination, first relationships.Known) error {
	err := look.Watches(ctx, first.At, listen)
	if errors.Is(err, relationships.ErrUnwatched) {
		e.problem("unwatched", trackCommits, "SpiceDB does not tell of changes, so there is no audit, no mail and no cache: its Postgres does not keep the times of commits")
		return nil
	}
	return err
}

// The first SpiceDB whose dispatch caches let a role end at its end: before, they
// renewed the life of an answer whenever it was read.
var mended = [3]int{1, 57, 1}

const uncache = "upgrade SpiceDB to v1.57.1, or run it with --dispatch-cache-enabled=false --dispatch-cluster-cache-enabled=false"

// caches looks for dispatch caches that let roles live on. SpiceDB's metrics name
// both. Without them, a question that is asked twice shows the one in front.
func (e *examination) caches(ctx context.Context, look *relationships.Examination, first relationships.Known, m *metrics) {
	if m != nil && first.Version == "" {
		first.Version = m.version
	}
	if version, known := parseVersion(first.Version); known && !less(version, mended) {
		return
	}
	affected := "SpiceDB " + first.Version
	if first.Version == "" {
		affected = "a SpiceDB that does not tell its version"
	}
	on, err := m != nil && m.caches, error(nil)
	if !on && look != nil {
		on, err = look.Remembers(ctx, first.At)
	}
	switch {
	case on:
		e.problem("dispatch_cache", uncache, "%s caches what it dispatches: before v1.57.1, a role that has ended goes on for as long as somebody asks", affected)
	case m != nil && m.measured:
	case look == nil:
		e.unexamined("dispatch_cache_unknown", uncache+"; or examine it again once a server has given it the schema",
			"whether %s caches what it dispatches cannot be seen before it has a schema", affected)
	case err != nil:
		e.inquire(err)
	default:
		e.unexamined("dispatch_cache_unknown", uncache+"; --spicedb-metrics-url shows whether that is so",
			"%s does not cache the questions it is asked, but those that its nodes ask each other cannot be seen from here", affected)
	}
}

func parseVersion(text string) (v [3]int, ok bool) {
	_, err := fmt.Sscanf(text, "v%d.%d.%d", &v[0], &v[1], &v[2])
	return v, err == nil
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
