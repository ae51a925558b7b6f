package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/gatehouse/gatehouse/"

// bans keep the house in order. A package is named by its folder under the module;
// a ban on a path covers everything below it, and one on a package those inside it.
var bans = []struct {
	in, path string
	except   []string
	because  string
}{
	{in: "", path: "github.com/authzed/spicedb", except: []string{"internal/spicedb"}, because: "SpiceDB may be another process: all but the embedded server speak to it through authzed-go"},
	{in: "", path: "github.com/authzed/authzed-go", except: []string{"internal/relationships", "internal/spicedb"}, because: "one gateway translates between our words and SpiceDB's"},
	{in: "", path: "google.golang.org/grpc", except: []string{"internal/relationships", "internal/spicedb", "internal/tracing"}, because: "gRPC types stay in the gateway, and where calls are traced"},
	{in: "", path: "github.com/gin-gonic/gin", except: []string{"internal/httpapi"}, because: "HTTP stays in the façade"},
	{in: "", path: "net/http", except: []string{"internal/httpapi", "internal/server", "internal/authn", "internal/cli", "internal/doctor", "client"}, because: "HTTP stays in the façade, where login providers are asked for their keys, where the command line asks a server, and where SpiceDB's metrics are read"},
	{in: "", path: "database/sql", except: []string{"internal/database", "internal/directory", "internal/audit", "internal/mailqueue", "internal/spicedb", "internal/server", "internal/tracing"}, because: "SQL stays in the directory, in the audit and the queue of mails beside it, in the engine, and where statements are traced"},
	{in: "", path: "github.com/coreos/go-oidc", except: []string{"internal/authn"}, because: "one adapter knows login providers"},
	{in: "", path: "github.com/go-jose/go-jose", except: []string{"internal/authn"}, because: "one adapter knows login providers"},
	{in: "", path: "github.com/zitadel/oidc", because: "only tests run a login provider"},
	{in: "", path: "github.com/redis/go-redis", except: []string{"internal/cache/redisstore"}, because: "the cache has one store in Redis, and the rules do not depend on it"},
	{in: "", path: "github.com/go-redis/redis_rate", except: []string{"internal/cache/redisstore"}, because: "rates that servers share are kept in the same Redis"},
	{in: "", path: "github.com/jackc/pgx", except: []string{"internal/database"}, because: "behind database/sql, one engine is like the other"},
	{in: "", path: "github.com/prometheus/prometheus", because: "only tests evaluate alerts"},
	{in: "", path: module + "internal/monitoring", because: "a server is monitored by others: it does not know what they look at"},
	{in: "internal/monitoring", path: module, because: "alerts and panels are data"},
	{in: "", path: module + "internal/database/postgrestest", because: "only tests run a Postgres"},
	{in: "", path: module + "internal/cache/redisstore/redistest", because: "only tests run a Redis"},
	{in: "", path: module + "internal/cache/storetest", because: "only tests test a store"},
	{in: "", path: "go.opentelemetry.io", except: []string{"internal/tracing", "internal/httpapi", "internal/cache/redisstore", "internal/server"}, because: "operations do not know that they are traced"},
	{in: "", path: "github.com/spf13/cobra", except: []string{"internal/cli"}, because: "only the command line has commands"},
	{in: "", path: module + "internal/server", except: []string{"internal/cli"}, because: "the composition root is composed by nobody but the command line"},
	{in: "schema", path: module, because: "the schema is data"},
	{in: "internal/email", path: module, because: "an e-mail address knows nothing of Gatehouse"},
	{in: "internal/access", path: module + "internal/", except: []string{}, because: "the nouns know no verbs"},
	{in: "internal/roles", path: module + "internal/operations", because: "the catalogue is data"},
	{in: "internal/operations", path: module + "internal/relationships", because: "operations know ports, not adapters"},
	{in: "internal/operations", path: module + "internal/directory", because: "operations know ports, not adapters"},
	{in: "internal/operations", path: module + "internal/audit", because: "operations know ports, not adapters"},
	{in: "internal/operations", path: module + "internal/spicedb", because: "operations know ports, not adapters"},
	{in: "internal/limits", path: module, because: "limits know nothing of what they limit"},
	{in: "internal/explain", path: module + "internal/relationships", because: "explanations know ports, not adapters"},
	{in: "internal/explain", path: module + "internal/directory", because: "explanations know ports, not adapters"},
	{in: "internal/explain", path: module + "internal/audit", because: "explanations know ports, not adapters"},
	{in: "internal/explain", path: module + "internal/spicedb", because: "explanations know ports, not adapters"},
	{in: "internal/transfer", path: module + "internal/relationships", because: "what carries between stores knows none of them"},
	{in: "internal/transfer", path: module + "internal/directory", because: "what carries between stores knows none of them"},
	{in: "internal/transfer", path: module + "internal/audit", because: "what carries between stores knows none of them"},
	{in: "internal/transfer", path: module + "internal/spicedb", because: "what carries between stores knows none of them"},
	{in: "internal/httpapi", path: module + "internal/relationships", because: "the façade never touches a store"},
	{in: "internal/httpapi", path: module + "internal/directory", because: "the façade never touches a store"},
	{in: "internal/httpapi", path: module + "internal/audit", because: "the façade never touches a store"},
	{in: "internal/httpapi", path: module + "internal/spicedb", because: "the façade never touches a store"},
}

// allowed lists what is below a ban and yet fine.
var allowed = map[string]string{
	"internal/access " + module + "internal/email": "an address is a noun",
}

// adapters connect Gatehouse to one outside thing each.
var adapters = []string{"internal/spicedb", "internal/relationships", "internal/directory", "internal/audit", "internal/mailer", "internal/mailqueue", "internal/authn", "internal/httpapi", "internal/cache/redisstore"}

func TestImports(t *testing.T) {
	imports := readImports(t)
	require.Greater(t, len(imports), 15, "packages found")
	for folder, paths := range imports {
		for path := range paths {
			for _, ban := range bans {
				if within(folder, ban.in) && within(path, strings.TrimSuffix(ban.path, "/")) && !exempt(folder, path, ban.except) {
					t.Errorf("%s imports %s: %s", folder, path, ban.because)
				}
			}
			for _, adapter := range adapters {
				for _, other := range adapters {
					if folder == adapter && adapter != other && path == module+other {
						t.Errorf("%s imports %s: adapters never import each other", folder, path)
					}
				}
			}
		}
	}
}

// TestClientStandsAlone: whoever imports it gets nothing else.
func TestClientStandsAlone(t *testing.T) {
	paths := readImports(t)["client"]
	require.NotEmpty(t, paths)
	for path := range paths {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			t.Errorf("client imports %s: it needs the standard library only", path)
		}
	}
}

func exempt(folder, path string, except []string) bool {
	if _, ok := allowed[folder+" "+path]; ok {
		return true
	}
	for _, e := range except {
		if within(folder, e) {
			return true
		}
	}
	return false
}

// TestNames keeps out packages whose name says nothing.
func TestNames(t *testing.T) {
	for folder := range readImports(t) {
		switch name := filepath.Base(folder); name {
		case "utils", "util", "common", "models", "services", "helpers", "misc":
			t.Errorf("%s: name a package after what it is about", folder)
		}
	}
}

func within(path, parent string) bool {
	return parent == "" || path == parent || strings.HasPrefix(path, parent+"/")
}

// readImports finds what each package imports outside its tests.
func readImports(t *testing.T) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	root := os.DirFS("..")
	for _, top := range []string{"client", "cmd", "internal", "schema"} {
		require.NoError(t, fs.WalkDir(root, top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			folder := filepath.ToSlash(filepath.Dir(path))
			if found[folder] == nil {
				found[folder] = map[string]bool{}
			}
			for _, i := range file.Imports {
				name, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					return err
				}
				found[folder][name] = true
			}
			return nil
		}))
	}
	return found
}
