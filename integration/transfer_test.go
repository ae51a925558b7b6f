package integration

import (
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
)

// TestMoveToPostgres moves a server that runs into a SpiceDB and a directory on
// Postgres, and from there into a server's file again.
func TestMoveToPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	postgres := startPostgres(t)

	source := start(t, "--demo")
	fill(t, source)
	file := filepath.Join(dir, "source.snapshot")
	_, err := say(t.Context(), "", gatehouse, "export", file, "--data-dir", source.dataDir)
	require.NoError(t, err)
	before := answers(t, source.conn)
	require.Greater(t, len(before), 1000)

	target := startSpiceDB(t, postgres.Database(t))
	where := []string{
		"--spicedb-endpoint", target.address, "--spicedb-key", target.key, "--spicedb-insecure",
		"--directory-url", postgres.Database(t),
	}
	said, err := say(t.Context(), "", gatehouse, append([]string{"import", file}, where...)...)
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^ +\d+ relationship$`, said)

	t.Run("every permission is answered as before", func(t *testing.T) {
		assert.Equal(t, before, answers(t, target.conn))
	})

	back := filepath.Join(dir, "postgres.snapshot")
	_, err = say(t.Context(), "", gatehouse, append([]string{"export", back}, where...)...)
	require.NoError(t, err)
	t.Run("every relationship and row arrived", func(t *testing.T) {
		want, got := contents(t, file), contents(t, back)
		for _, kind := range []string{"people", "logins", "objects", "invitations", "invitation_tokens", "audit_event", "relationship"} {
			assert.NotEmpty(t, want[kind], kind)
			assert.ElementsMatch(t, want[kind], got[kind], kind)
		}
	})
	t.Run("the audit holds ids, and no e-mail", func(t *testing.T) {
		for _, event := range contents(t, file)["audit_event"] {
			assert.NotContains(t, event, "@")
		}
	})
	t.Run("only its owner may read a snapshot", func(t *testing.T) {
		for _, snapshot := range []string{file, back} {
			info, err := os.Stat(snapshot)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		}
	})
	t.Run("a file that is there stays", func(t *testing.T) {
		_, err := say(t.Context(), "", gatehouse, append([]string{"export", back}, where...)...)
		require.ErrorContains(t, err, "file exists")
		assert.NotEmpty(t, contents(t, back))
	})
	t.Run("what is in use is not filled again", func(t *testing.T) {
		_, err := say(t.Context(), "", gatehouse, append([]string{"import", file}, where...)...)
		require.ErrorContains(t, err, "SpiceDB is not empty")
	})

	home := filepath.Join(t.TempDir(), "data")
	_, err = say(t.Context(), "", gatehouse, "import", back, "--data-dir", home)
	require.NoError(t, err)
	moved, err := serve(home, "--dev")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, moved.stop()) })
	t.Run("a server goes on with what came back", func(t *testing.T) {
		assert.Equal(t, source.relationships(t), moved.relationships(t))
		assert.Equal(t, before, answers(t, moved.conn))
	})
	t.Run("links that were mailed before still work", func(t *testing.T) {
		_, token := source.letter(t, "eva.schmid@alpenhost.example").link(t)
		moved.as(t, "eva.schmid@alpenhost.example").post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	})
	t.Run("a server that is not empty is not filled again", func(t *testing.T) {
		require.NoError(t, moved.stop())
		assert.Contains(t, fails(t, "", nil, "import", back, "--data-dir", home), "not empty")
	})
}

// fill adds what the demo has none of: logins, an invitation that was accepted, and
// a role that ends. Its own invitations mail themselves.
func fill(t *testing.T, s *server) {
	t.Helper()

	await(t, "four mails", func() bool { return len(s.letters(t)) == 4 })
	noor := s.as(t, "noor.haddad@globex.example")
	_, token := s.letter(t, "noor.haddad@globex.example").link(t)
	noor.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	// No route gives a role that ends yet.
	_, err := v1.NewPermissionsServiceClient(s.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{Updates: []*v1.RelationshipUpdate{{
		Operation: v1.RelationshipUpdate_OPERATION_TOUCH,
		Relationship: &v1.Relationship{
			Resource:          &v1.ObjectReference{ObjectType: "project", ObjectId: "audit"},
			Relation:          "member",
			Subject:           &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: noor.get(t, "/v1/me").text(t, "id")}},
			OptionalExpiresAt: timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Microsecond)),
		},
	}}})
	require.NoError(t, err)
}

// separate is a SpiceDB that runs by itself.
type separate struct {
	*process
	address, key string
	store        []string // flags that say where it keeps what it knows
	shows        []string // and those of its certificate, if it has one
	conn         *grpc.ClientConn
}

// startPostgres runs a Postgres for as long as the test takes.
func startPostgres(t *testing.T) *postgrestest.Cluster {
	t.Helper()
	c, err := postgrestest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

// startSpiceDB runs `spicedb serve` on a Postgres database, as operations would.
func startSpiceDB(t *testing.T, url string) *separate {
	t.Helper()
	return startSpiceDBWith(t, url, "a-preshared-key-of-length")
}

// startSpiceDBWith has it want another preshared key.
func startSpiceDBWith(t *testing.T, url, key string) *separate {
	t.Helper()
	return runSpiceDB(t, url, key, insecure.NewCredentials())
}

// startSpiceDBOverTLS runs it with the certificate of an authority.
func startSpiceDBOverTLS(t *testing.T, url string, a *authority) *separate {
	t.Helper()
	return runSpiceDB(t, url, "a-preshared-key-of-length", credentials.NewTLS(a.trusting()), "--grpc-tls-cert-path", a.path("cert.pem"), "--grpc-tls-key-path", a.path("key.pem"))
}

func runSpiceDB(t *testing.T, url, key string, transport credentials.TransportCredentials, shows ...string) *separate {
	t.Helper()
	program := findSpiceDB(t)
	s := &separate{address: freeAddress(), key: key, shows: shows}
	s.store = []string{"--datastore-engine", "postgres", "--datastore-conn-uri", url, "--skip-release-check", "--log-level", "warn"}
	_, err := say(t.Context(), "", program, append([]string{"datastore", "migrate", "head"}, s.store...)...)
	require.NoError(t, err)
	s.run(t)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	s.conn, err = grpc.NewClient(s.address,
		grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(preshared(s.key)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.conn.Close()) })
	// An empty one has no schema; only one that is not there yet cannot say so.
	ready, cancel := context.WithTimeout(t.Context(), readyTime)
	defer cancel()
	_, err = v1.NewSchemaServiceClient(s.conn).ReadSchema(ready, &v1.ReadSchemaRequest{}, grpc.WaitForReady(true))
	require.Equal(t, codes.NotFound, status.Code(err), "%v\n%s", err, &s.stderr)
	return s
}

// run runs it, again after it was killed.
func (s *separate) run(t *testing.T) {
	t.Helper()
	var err error
	s.process, err = launch("", nil, findSpiceDB(t), append([]string{
		"serve", "--grpc-addr", s.address, "--grpc-preshared-key", s.key,
		"--dispatch-cache-enabled=false", "--dispatch-cluster-cache-enabled=false",
		"--metrics-enabled=false", "--telemetry-endpoint", "", "--grpc-shutdown-grace-period", "0s",
	}, append(s.shows, s.store...)...)...)
	require.NoError(t, err)
}

func findSpiceDB(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(cmp.Or(os.Getenv("SPICEDB_BIN"), filepath.Join("..", "bin", "spicedb")))
	require.NoError(t, err)
	require.FileExists(t, path, "run `make spicedb`, or name the binary in SPICEDB_BIN")
	return path
}

// answers asks whether each person has each permission there is on each object.
func answers(t *testing.T, conn grpc.ClientConnInterface) map[string]bool {
	t.Helper()
	reflected, err := v1.NewSchemaServiceClient(conn).ReflectSchema(t.Context(), &v1.ReflectSchemaRequest{Consistency: now})
	require.NoError(t, err)
	permissions := map[string][]string{}
	for _, definition := range reflected.GetDefinitions() {
		for _, permission := range definition.GetPermissions() {
			permissions[definition.GetName()] = append(permissions[definition.GetName()], permission.GetName())
		}
	}

	client := v1.NewPermissionsServiceClient(conn)
	stream, err := client.ExportBulkRelationships(t.Context(), &v1.ExportBulkRelationshipsRequest{Consistency: now})
	require.NoError(t, err)
	objects, people := map[string]*v1.ObjectReference{}, map[string]*v1.SubjectReference{}
	for {
		page, err := stream.Recv()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for _, r := range page.GetRelationships() {
			objects[r.GetResource().String()] = r.GetResource()
			if r.GetSubject().GetObject().GetObjectType() == "user" && r.GetSubject().GetObject().GetObjectId() != "*" {
				people[r.GetSubject().String()] = r.GetSubject()
			}
		}
	}

	var items []*v1.CheckBulkPermissionsRequestItem
	for _, o := range objects {
		for _, permission := range permissions[o.GetObjectType()] {
			for _, person := range people {
				items = append(items, &v1.CheckBulkPermissionsRequestItem{Resource: o, Permission: permission, Subject: person})
			}
		}
	}
	all := map[string]bool{}
	for some := range slices.Chunk(items, 500) {
		response, err := client.CheckBulkPermissions(t.Context(), &v1.CheckBulkPermissionsRequest{Consistency: now, Items: some})
		require.NoError(t, err)
		for _, pair := range response.GetPairs() {
			require.NotNil(t, pair.GetItem(), "%v", pair.GetError())
			q := pair.GetRequest()
			name := strings.Join([]string{
				q.GetResource().GetObjectType(), q.GetResource().GetObjectId(), q.GetPermission(), q.GetSubject().GetObject().GetObjectId(),
			}, " ")
			all[name] = pair.GetItem().GetPermissionship() == v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION
		}
	}
	return all
}

// contents are the lines of a snapshot by the kind of what they hold.
func contents(t *testing.T, path string) map[string][]string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(zip)
	require.NoError(t, err)
	lines := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		kind := strings.Split(line, `"`)[1]
		lines[kind] = append(lines[kind], line)
	}
	return lines
}
