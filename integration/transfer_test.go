package integration

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/database"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/demo"
	"github.com/gatehouse/gatehouse/internal/directory"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/internal/spicedb"
	"github.com/gatehouse/gatehouse/internal/transfer"
	"github.com/gatehouse/gatehouse/schema"
)

// TestMoveToPostgres moves the demo from the embedded engine into a SpiceDB and a
// directory on Postgres, and from there into a file again.
func TestMoveToPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	postgres, err := postgrestest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Stop()) })

	embedded := newEmbedded(t)
	file := filepath.Join(dir, "embedded.snapshot")
	embedded.export(t, file)

	target := startSpiceDB(t, postgres.Database(t))
	where := []string{
		"--spicedb-endpoint", target.address, "--spicedb-key", target.key, "--spicedb-insecure",
		"--directory-url", postgres.Database(t),
	}
	said, err := say(t.Context(), "", gatehouse, append([]string{"import", file}, where...)...)
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^ +\d+ relationship$`, said)

	t.Run("every permission is answered as before", func(t *testing.T) {
		before, after := answers(t, embedded.conn), answers(t, target.conn)
		require.Greater(t, len(before), 1000)
		assert.Equal(t, before, after)
	})

	back := filepath.Join(dir, "postgres.snapshot")
	_, err = say(t.Context(), "", gatehouse, append([]string{"export", back}, where...)...)
	require.NoError(t, err)
	t.Run("every relationship and row arrived", func(t *testing.T) {
		want, got := contents(t, file), contents(t, back)
		for _, kind := range []string{"people", "logins", "objects", "invitations", "invitation_tokens", "relationship"} {
			assert.NotEmpty(t, want[kind], kind)
			assert.ElementsMatch(t, want[kind], got[kind], kind)
		}
	})
	t.Run("only its owner may read a snapshot", func(t *testing.T) {
		info, err := os.Stat(back)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
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
}

// embedded is the demo on the embedded engine.
type embedded struct {
	conn          grpc.ClientConnInterface
	relationships *relationships.Archive
	directory     *directory.Archive
}

func newEmbedded(t *testing.T) embedded {
	t.Helper()
	ctx := t.Context()
	engine, err := spicedb.Start(ctx, spicedb.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	gateway := relationships.New(engine.Conn(), engine.Head)
	require.NoError(t, gateway.ApplySchema(ctx, schema.Text))
	db, err := database.Open(ctx, database.InMemory)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	names, err := directory.New(ctx, db, time.Now, gateway.Exists)
	require.NoError(t, err)
	checker := checks.New(engine, gateway)
	require.NoError(t, demo.Load(ctx, operations.New(operations.Dependencies{
		Relationships: gateway, Checks: checker, Lookups: checker, Directory: names,
		Now: time.Now, NewID: func() string { return ulid.Make().String() },
	})))

	// What the demo has none of: a login, a mailed token, a role that ends.
	ann, err := names.SignIn(ctx, access.Login{Issuer: "https://login.example.com", Subject: "1", Email: "ann@example.com", EmailVerified: true})
	require.NoError(t, err)
	require.NoError(t, names.AddInvitation(ctx, access.InvitationProfile{ID: "mailed", InviteeID: ann.ID, Email: ann.Email, CreatedAt: time.Now(), ExpiresAt: time.Now()}))
	require.NoError(t, names.AddInvitationToken(ctx, "mailed", [32]byte{0xff, 0x00, 0x80}))
	ending := access.Relate(access.Object{Type: access.TypeProject, ID: "audit"}, "member", access.User(ann.ID))
	ending.EndsAt = time.Now().Add(time.Hour).Truncate(time.Microsecond)
	var w access.Write
	w.Touch(ending)
	_, err = gateway.Write(ctx, w)
	require.NoError(t, err)

	archive, err := directory.OpenArchive(ctx, db, time.Now)
	require.NoError(t, err)
	return embedded{engine.Conn(), relationships.NewArchive(engine.Conn()), archive}
}

func (e embedded) export(t *testing.T, path string) {
	t.Helper()
	var file bytes.Buffer
	_, err := transfer.Export(t.Context(), &file, e.relationships, e.directory, time.Now, func(int, int) {})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
}

// separate is a SpiceDB that runs by itself.
type separate struct {
	*process
	address, key string
	conn         *grpc.ClientConn
}

// startSpiceDB runs `spicedb serve` on a Postgres database, as operations would.
func startSpiceDB(t *testing.T, url string) separate {
	t.Helper()
	program := findSpiceDB(t)
	store := []string{"--datastore-engine", "postgres", "--datastore-conn-uri", url, "--skip-release-check", "--log-level", "warn"}
	_, err := say(t.Context(), "", program, append([]string{"datastore", "migrate", "head"}, store...)...)
	require.NoError(t, err)

	s := separate{address: freeAddress(), key: "a-preshared-key-of-length"}
	s.process, err = launch("", nil, program, append([]string{
		"serve", "--grpc-addr", s.address, "--grpc-preshared-key", s.key,
		"--dispatch-cache-enabled=false", "--dispatch-cluster-cache-enabled=false",
		"--metrics-enabled=false", "--telemetry-endpoint", "", "--grpc-shutdown-grace-period", "0s",
	}, store...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	s.conn, err = grpc.NewClient(s.address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(preshared(s.key)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.conn.Close()) })
	// An empty one has no schema; only one that is not there yet cannot say so.
	ready, cancel := context.WithTimeout(t.Context(), readyTime)
	defer cancel()
	_, err = v1.NewSchemaServiceClient(s.conn).ReadSchema(ready, &v1.ReadSchemaRequest{}, grpc.WaitForReady(true))
	require.Equal(t, codes.NotFound, status.Code(err), "%v\n%s", err, &s.stderr)
	return s
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
