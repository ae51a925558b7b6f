package doctor_test

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/schema"
)

const key = "a-preshared-key-of-length"

// spiceDB is a `spicedb serve` of a test's own.
type spiceDB struct{ address, metrics string }

// serve runs it on a Postgres database, with dispatch caches off unless told otherwise.
func serve(t *testing.T, url string, flags ...string) spiceDB {
	t.Helper()
	program, err := filepath.Abs(cmp.Or(os.Getenv("SPICEDB_BIN"), filepath.Join("..", "..", "bin", "spicedb")))
	require.NoError(t, err)
	require.FileExists(t, program, "run `make spicedb`, or name the binary in SPICEDB_BIN")
	store := []string{"--datastore-engine", "postgres", "--datastore-conn-uri", url, "--skip-release-check", "--log-level", "warn"}
	output, err := exec.Command(program, append([]string{"datastore", "migrate", "head"}, store...)...).CombinedOutput()
	require.NoError(t, err, "%s", output)

	s := spiceDB{address: free(t), metrics: free(t)}
	var log bytes.Buffer
	process := exec.Command(program, append(append([]string{
		"serve", "--grpc-addr", s.address, "--grpc-preshared-key", key, "--metrics-addr", s.metrics, "--telemetry-endpoint", "",
		"--dispatch-cache-enabled=false", "--dispatch-cluster-cache-enabled=false",
	}, store...), flags...)...)
	process.Stdout, process.Stderr = &log, &log
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed, and says so
		if t.Failed() {
			t.Logf("SpiceDB said:\n%s", &log)
		}
	})
	for _, address := range []string{s.address, s.metrics} {
		require.Eventually(t, func() bool {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			return err == nil && conn.Close() == nil
		}, time.Minute, 20*time.Millisecond)
	}
	return s
}

func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// apply makes a text its schema.
func (s spiceDB) apply(t *testing.T, text string) {
	t.Helper()
	conn, err := relationships.Dial(s.address, key, "", true, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, relationships.New(conn, relationships.NewMoments(conn).Head).ApplySchema(t.Context(), text))
}

// flags are of a server on it, and on a directory and a Redis that are well.
func (s spiceDB) flags(t *testing.T, below string) []string {
	t.Helper()
	return []string{
		"--spicedb-endpoint", s.address, "--spicedb-key", key, "--spicedb-metrics-url", "http://" + s.metrics + "/metrics", "--spicedb-database-url", below,
		"--directory-url", postgres.Database(t), "--redis-url", "redis://" + redistest.Start(t, cacheOnly...).Address(),
	}
}

func TestServersSideBySide(t *testing.T) {
	t.Parallel()
	below := postgres.Database(t)
	s := serve(t, below)
	flags := s.flags(t, below)
	look := func(more ...string) []string { return found(examine(t, append(flags, more...)...)) }

	assert.Empty(t, look(), "an empty SpiceDB, which the first start fills")
	s.apply(t, schema.Text)
	assert.Empty(t, look())

	assert.Equal(t, []string{"unexamined spicedb_database_not_named SpiceDB's database"}, look("--spicedb-database-url", ""))
	assert.Equal(t, []string{"unexamined dispatch_cache_unknown SpiceDB"}, look("--spicedb-metrics-url", ""))
	assert.Contains(t, said(examine(t, append(flags, "--spicedb-metrics-url", "")...)), "SpiceDB v1.", "it is asked for its version")
	assert.Equal(t, []string{"warning metrics_unreadable SpiceDB", "unexamined dispatch_cache_unknown SpiceDB"}, look("--spicedb-metrics-url", "http://"+free(t)))
	assert.Equal(t, []string{"warning no_cache settings"}, look("--redis-url", ""))
	assert.Equal(t, []string{"problem spicedb_key_refused SpiceDB"}, look("--spicedb-key", "another-key-of-some-length"))
	assert.Equal(t, []string{"problem unreachable SpiceDB"}, look("--spicedb-endpoint", free(t)))

	slow := func() time.Time { return time.Now().Add(-10 * time.Second) }
	assert.Equal(t, []string{
		"problem clock_skew SpiceDB", "problem clock_skew SpiceDB's database", "problem clock_skew directory", "problem clock_skew Redis",
	}, found(examineAt(t, slow, flags...)))

	s.apply(t, schema.Text+"\ndefinition castle {}\n")
	assert.Equal(t, []string{"warning schema_drift SpiceDB"}, look())
	later := regexp.MustCompile(`edition \d+ of the schema`).ReplaceAllString(schema.Text, "edition 999 of the schema")
	s.apply(t, later+"\ndefinition castle {}\n")
	assert.Equal(t, []string{"warning schema_later SpiceDB"}, look())
}

// TestDispatchCaches are seen by their metrics, and the one in front without them.
func TestDispatchCaches(t *testing.T) {
	t.Parallel()
	below := postgres.Database(t)
	s := serve(t, below, "--dispatch-cache-enabled=true", "--dispatch-cache-metrics=true")
	s.apply(t, schema.Text)
	flags := s.flags(t, below)
	want := []string{"problem dispatch_cache SpiceDB"}
	assert.Equal(t, want, found(examine(t, flags...)))
	assert.Equal(t, want, found(examine(t, append(flags, "--spicedb-metrics-url", "")...)))
}

func TestPostgresThatForgetsWhenItCommits(t *testing.T) {
	t.Parallel()
	forgetful, err := postgrestest.Start("track_commit_timestamp=off")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, forgetful.Stop()) })
	below := forgetful.Database(t)
	s := serve(t, below)
	s.apply(t, schema.Text)
	flags := s.flags(t, below)
	assert.Equal(t, []string{"problem unwatched SpiceDB", "problem track_commit_timestamp SpiceDB's database"}, found(examine(t, flags...)))
}

// TestTablesOfAnotherVersion are those of an older or a newer server.
func TestTablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	flags := spiceDB{address: free(t), metrics: free(t)}.flags(t, postgres.Database(t))
	url := postgres.Database(t)
	db, err := database.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	look := func() []string { return of("directory", found(examine(t, append(flags, "--directory-url", url)...))) }

	assert.Empty(t, look(), "none yet")
	var tables int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables))
	assert.Zero(t, tables, "none is made")

	_, err = audit.New(t.Context(), db, time.Now, func(context.Context, ...access.Filter) ([]access.Relationship, access.Token, error) {
		return nil, "", nil
	})
	require.NoError(t, err)
	assert.Empty(t, look())
	set := func(version int) {
		_, err := db.ExecContext(t.Context(), `UPDATE audit_migrations SET version_id = version_id + $1 WHERE version_id = (SELECT max(version_id) FROM audit_migrations)`, version)
		require.NoError(t, err)
	}
	set(1)
	assert.Equal(t, []string{"problem tables_newer directory"}, look())
	set(-1)
	_, err = db.ExecContext(t.Context(), `DELETE FROM audit_migrations WHERE version_id = (SELECT max(version_id) FROM audit_migrations)`)
	require.NoError(t, err)
	assert.Equal(t, []string{"warning tables_older directory"}, look())
}
