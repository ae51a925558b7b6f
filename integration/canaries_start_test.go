package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// TestWhatCannotStartKeepsSecrets: who started it reads what is amiss, and so does
// whoever reads the log.
func TestWhatCannotStartKeepsSecrets(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)
	directory := postgres.Login(t, "keeper", "right")
	c := newCanaries()
	spicedb := startSpiceDBWith(t, postgres.Database(t), c.new("SpiceDB's preshared key"))
	beside := []string{"GATEHOUSE_SPICEDB_ENDPOINT=" + spicedb.address, "GATEHOUSE_GRPC_ADDR="}
	with := func(variables ...string) []string { return append(append([]string{}, beside...), variables...) }
	wrong := strings.Replace(directory, ":right@", ":"+c.new("a wrong password of Postgres")+"@", 1)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	quiet := []string{"--dev", "--http-addr", "127.0.0.1:0"}

	for name, made := range map[string]struct {
		variables []string
		file      string // with settings
		args      []string
		says      string
	}{
		"a wrong password of Postgres":      {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL="+wrong), "", nil, "password authentication failed"},
		"a Postgres that is not there":      {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=postgres://me:"+c.new("a password for nobody")+"@"+nobody.Addr().String()+"/db"), "", nil, "directory-url"},
		"a URL of Postgres without a port":  {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=postgres://me:"+c.new("a password in a broken URL")+"@host:port/db"), "", nil, "directory-url"},
		"a password with an odd character":  {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=postgres://me:"+c.new("a password that is not encoded")+"%zz@host/db"), "", nil, "directory-url"},
		"a password with a slash":           {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=postgres://me:a/"+c.new("a password with a slash")+"@host/db"), "", nil, "directory-url"},
		"a URL with an odd parameter":       {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=postgres://me@host/db?password="+c.new("a password in a parameter")+"&sslmode=odd"), "", nil, "directory-url"},
		"another database":                  {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL=mysql://me:"+c.new("a password of another database")+"@host/db"), "", nil, "directory-url"},
		"a wrong key of SpiceDB":            {with("GATEHOUSE_SPICEDB_KEY="+c.new("a wrong key of SpiceDB"), "GATEHOUSE_DIRECTORY_URL="+directory), "", nil, "SpiceDB refused"},
		"a key of SpiceDB that is for none": {[]string{"GATEHOUSE_SPICEDB_KEY=" + c.new("a key of SpiceDB without one")}, "", nil, "need spicedb-endpoint"},
		"a broken URL of Redis":             {[]string{"GATEHOUSE_REDIS_URL=redis://me:" + c.new("a password in a broken URL of Redis") + "@host:port"}, "", nil, "redis-url must be"},
		"a password of Redis, not encoded":  {[]string{"GATEHOUSE_REDIS_URL=redis://me:" + c.new("a password of Redis that is not encoded") + "%zz@host"}, "", nil, "redis-url must be"},
		"a password of a mail server, only": {[]string{"GATEHOUSE_SMTP_PASSWORD=" + c.new("a password of no mail server")}, "", nil, "need smtp-addr"},
		"a password that would be read":     {[]string{"GATEHOUSE_SMTP_PASSWORD=" + c.new("a password sent in the clear"), "GATEHOUSE_SMTP_USER=me", "GATEHOUSE_SMTP_ADDR=host:25", "GATEHOUSE_SMTP_TLS=none"}, "", nil, "not sent unencrypted"},
		"a misspelt setting":                {[]string{"GATEHOUSE_SMTP_PASWORD=" + c.new("the value of a misspelt variable")}, "", nil, "there is no setting"},
		"a misspelt key of the file":        {nil, "smtp-pasword: " + c.new("the value of a misspelt key"), nil, "there is no setting"},
		"a password that is a list":         {nil, "smtp-password: [" + c.new("a password in a list") + "]", nil, "smtp-password"},
		"a password that is more":           {nil, "smtp-password: {is: " + c.new("a password in a map") + "}", nil, "smtp-password"},
		"a file that is no YAML":            {nil, "smtp-password: \"" + c.new("a password in a broken file") + "\nthen: [", nil, "configuration file"},
		"a file with a tab":                 {nil, "smtp-password:\n\t" + c.new("a password after a tab"), nil, "configuration file"},
		"an audit that is out of reach":     {nil, "", []string{"audit", "export", "--directory-url", wrong}, "password authentication failed"},
		"an audit at a broken URL":          {nil, "", []string{"audit", "export", "--directory-url", "postgres://me:" + c.new("a password for an audit") + "%zz@host/db"}, "cannot be read"},
		"an export that is out of reach":    {with("GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL="+wrong), "", []string{"export", filepath.Join(t.TempDir(), "all")}, "password authentication failed"},
		"a server that an app looks for":    {[]string{"GATEHOUSE_URL=http://me:" + c.new("a password in a server's URL") + "@" + nobody.Addr().String(), "GATEHOUSE_TOKEN=" + c.new("an operator's token")}, "", []string{"app", "list"}, "refused"},
		"a server at a broken URL":          {[]string{"GATEHOUSE_URL=http://me:" + c.new("a password in a server's broken URL") + "%zz@host", "GATEHOUSE_TOKEN=" + c.new("an operator's token for nobody")}, "", []string{"app", "list"}, "url cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, args := t.TempDir(), made.args
			if args == nil {
				args = append([]string{"serve"}, quiet...)
			}
			if made.file != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "gatehouse.yaml"), []byte(made.file), 0o600))
				args = append(args, "--config", "gatehouse.yaml")
			}
			said := fails(t, dir, made.variables, args...)
			assert.Contains(t, said, made.says)
			c.absent(t, "what it says", said)
		})
	}

	t.Run("a Redis that does not know it", func(t *testing.T) {
		t.Parallel()
		redis := redistest.Start(t)
		redis.Do("ACL", "SETUSER", "keeper", "on", ">right", "~*", "&*", "+@all")
		s, err := program{gatehouse, []string{"GATEHOUSE_REDIS_URL=redis://keeper:" + c.new("a wrong password of Redis") + "@" + redis.Address()}}.
			serve(filepath.Join(t.TempDir(), "data"), "--dev", "--log-level", "debug")
		require.NoError(t, err)
		assert.Contains(t, string(page(t, s, "/readyz").body), `"cache":"bypassed"`)
		require.NoError(t, s.stop())
		assert.Contains(t, s.said(), "WRONGPASS")
		c.absent(t, "its log", s.said())
	})
	t.Run("a collector at a URL with a password", func(t *testing.T) {
		t.Parallel()
		s, err := program{gatehouse, []string{"OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_EXPORTER_OTLP_ENDPOINT=http://me:" + c.new("a password of a collector") + "@" + nobody.Addr().String()}}.
			serve(filepath.Join(t.TempDir(), "data"), "--dev", "--log-level", "debug")
		require.NoError(t, err)
		s.nobody().get(t, "/v1/me")
		await(t, "a warning", func() bool { return strings.Contains(s.stderr.String(), "spans are not delivered") })
		require.NoError(t, s.stop())
		c.absent(t, "its log", s.said())
	})
}

// TestHelpShowsNoSecrets that the environment holds.
func TestHelpShowsNoSecrets(t *testing.T) {
	t.Parallel()
	c := newCanaries()
	var variables []string
	for _, name := range []string{"SPICEDB_KEY", "DIRECTORY_URL", "REDIS_URL", "SMTP_PASSWORD", "GRPC_KEY", "TOKEN"} {
		variables = append(variables, "GATEHOUSE_"+name+"="+c.new(name))
	}
	variables = append(variables, "GATEHOUSE_URL=https://me:"+c.new("a password in a URL")+"@host", "OTEL_EXPORTER_OTLP_HEADERS=authorization="+c.new("a header"))
	for _, command := range []string{"", "serve", "app", "app list", "app create", "app rotate", "app revoke", "audit export", "audit verify", "audit key", "doctor", "ready", "export", "import", "backup", "restore", "token", "version"} {
		p, err := launch(t.TempDir(), variables, gatehouse, append(strings.Fields(command), "--help")...)
		require.NoError(t, err)
		require.NoError(t, p.exit(), command)
		c.absent(t, fmt.Sprintf("the help of %q", command), p.stdout.String()+p.stderr.String())
	}
}
