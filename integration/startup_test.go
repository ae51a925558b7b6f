package integration

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refuses starts a server that must not start, and returns what it says.
func refuses(t *testing.T, dir string, variables []string, flags ...string) string {
	t.Helper()
	return fails(t, dir, variables, append([]string{"serve"}, flags...)...)
}

// fails runs a command that must fail, and returns what it says.
func fails(t *testing.T, dir string, variables []string, args ...string) string {
	t.Helper()

	p, err := launch(dir, variables, gatehouse, args...)
	require.NoError(t, err)
	require.ErrorContains(t, p.exit(), "exit code 1:")
	assert.Empty(t, p.stdout.String())
	said := p.stderr.String()
	assert.True(t, strings.HasPrefix(said, "gatehouse: "), said)
	assert.NotContains(t, said, "goroutine")
	assert.NotContains(t, said, "Usage:")
	return said
}

// inOneLine insists that something is said in one line, and that it has these parts.
func inOneLine(t *testing.T, said string, parts ...string) {
	t.Helper()

	for _, part := range parts {
		assert.Contains(t, said, part)
	}
	assert.Equal(t, 1, strings.Count(said, "\n"), "one line:\n%s", said)
}

// TestStartFailsWithACure lets whoever started the server know, in one line, what
// to change.
func TestStartFailsWithACure(t *testing.T) {
	t.Parallel()

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	quiet := []string{"--dev", "--http-addr", "127.0.0.1:0", "--grpc-addr", ""}

	for name, c := range map[string]struct {
		files     map[string]string // by path; a folder has no content
		variables []string
		flags     []string
		says      []string
	}{
		"the HTTP port is taken": {
			flags: []string{"--dev", "--grpc-addr", "", "--http-addr", busy.Addr().String()},
			says:  []string{"http-addr", "address already in use"},
		},
		"the gRPC port is taken": {
			flags: []string{"--dev", "--http-addr", "127.0.0.1:0", "--grpc-addr", busy.Addr().String()},
			says:  []string{"grpc-addr", "address already in use"},
		},
		"the data directory is a file": {
			files: map[string]string{"data": "surprise"}, flags: quiet,
			says: []string{"data directory", "data: not a directory"},
		},
		"the data directory is below a file": {
			files: map[string]string{"file": "surprise"}, flags: append(quiet, "--data-dir", "file/data"),
			says: []string{"data directory", "not a directory"},
		},
		"the signing key is none": {
			files: map[string]string{"data/dev-key.pem": "surprise"}, flags: quiet,
			says: []string{"data/dev-key.pem is not a PEM file: delete it to have a new key made"},
		},
		"the signing key is of another kind": {
			files: map[string]string{"data/dev-key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, flags: quiet,
			says: []string{"data/dev-key.pem does not hold an Ed25519 key: delete it to have a new key made"},
		},
		"the preshared key is a folder": {
			files: map[string]string{"data/grpc-key/": ""}, flags: quiet,
			says: []string{"preshared key", "data/grpc-key", "is a directory"},
		},
		"the preshared key is empty": {
			files: map[string]string{"data/grpc-key": "\n"}, flags: []string{"--dev", "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"},
			says: []string{"data/grpc-key"},
		},
		"the outbox is a file": {
			files: map[string]string{"data/outbox": "surprise"}, flags: quiet,
			says: []string{"outbox", "data/outbox", "not a directory"},
		},
		"a variable is misspelt": {
			variables: []string{"GATEHOUSE_HTP_ADDR=127.0.0.1:8080"}, flags: quiet,
			says: []string{`GATEHOUSE_HTP_ADDR: there is no setting "htp-addr"`},
		},
		"a flag is misspelt": {
			flags: []string{"--htp-addr", "127.0.0.1:8080"},
			says:  []string{"unknown flag: --htp-addr"},
		},
		"a key of the file is misspelt": {
			files: map[string]string{"gatehouse.yaml": "htp-addr: 127.0.0.1:8080"}, flags: append(quiet, "--config", "gatehouse.yaml"),
			says: []string{`gatehouse.yaml: there is no setting "htp-addr"`},
		},
		"the file is missing": {
			flags: append(quiet, "--config", "missing.yaml"),
			says:  []string{"missing.yaml: no such file or directory"},
		},
		"the file is no YAML": {
			files: map[string]string{"gatehouse.yaml": ": : ["}, flags: append(quiet, "--config", "gatehouse.yaml"),
			says: []string{"configuration file", "yaml"},
		},
		"a flag is no truth value": {
			flags: []string{"--dev=perhaps"},
			says:  []string{"--dev", "perhaps"},
		},
		"a variable is no truth value": {
			variables: []string{"GATEHOUSE_DEMO=perhaps"}, flags: quiet,
			says: []string{"demo"},
		},
		"nobody could sign in": {
			flags: []string{"--grpc-addr", ""},
			says:  []string{"nobody could sign in: name an OpenID provider with oidc-issuers, or try Gatehouse out with dev"},
		},
		"tokens for anybody would do": {
			flags: []string{"--grpc-addr", "", "--oidc-issuers", "https://login.example"},
			says:  []string{`oidc-issuers: "https://login.example" needs an audience, as in https://issuer=audience`},
		},
		"the provider is reached without TLS": {
			variables: []string{"GATEHOUSE_OIDC_ISSUERS=http://127.0.0.1:9998=gatehouse"}, flags: []string{"--grpc-addr", ""},
			says: []string{`oidc-issuers: "http://127.0.0.1:9998" must be https`},
		},
		"the provider's authorities are none": {
			files: map[string]string{"gatehouse.yaml": "oidc-issuers: [{issuer: https://login.example, audience: gatehouse}]\noidc-ca-file: gatehouse.yaml"},
			flags: []string{"--grpc-addr", "", "--config", "gatehouse.yaml"},
			says:  []string{"oidc-ca-file: gatehouse.yaml holds no certificates"},
		},
		"the gRPC API has no key": {
			flags: []string{"--oidc-issuers", "https://login.example=gatehouse"},
			says:  []string{"grpc-key must be set while grpc-addr is: choose a long random one, or switch the gRPC API off with an empty grpc-addr"},
		},
		"there is an argument": {
			flags: []string{"now"},
			says:  []string{`unknown command "now"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for path, content := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o700))
				if !strings.HasSuffix(path, "/") {
					require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600))
				}
			}
			inOneLine(t, refuses(t, dir, c.variables, c.flags...), c.says...)
		})
	}
}

// TestAllFaultsOfTheConfigurationAreReportedAtOnce spares the operator to find
// them one by one, wherever they stand.
func TestAllFaultsOfTheConfigurationAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gatehouse.yaml"), []byte("colour: red\nlog-level: loud\n"), 0o600))

	said := refuses(t, dir,
		[]string{"GATEHOUSE_SPEED=high", "GATEHOUSE_LOG_FORMAT=xml", "GATEHOUSE_DEV=perhaps"},
		"--config", "gatehouse.yaml", "--data-dir", "", "--http-addr", "here", "--grpc-addr", "there", "--grpc-key", "short",
		"--public-url", "ftp://gatehouse.example", "--mail-from", "nobody", "--operators", "olga@operators.example,nobody")
	for _, fault := range []string{
		`gatehouse.yaml: there is no setting "colour"`,
		`GATEHOUSE_SPEED: there is no setting "speed"`,
		"data-dir must not be empty",
		`http-addr must be host:port, not "here"`,
		`grpc-addr must be host:port or empty, not "there"`,
		"grpc-key must have at least 16 characters",
		`public-url must be an http or https URL without query and fragment, not "ftp://gatehouse.example"`,
		`mail-from must be an e-mail address, not "nobody"`,
		`operators: "nobody" is not an e-mail address`,
		`log-level must be debug, info, warn or error, not "loud"`,
		`log-format must be text or json, not "xml"`,
		"dev",
	} {
		assert.Contains(t, said, fault)
	}
}

// TestSettingsComeFromFlagsVariablesAndFile has the nearer one win.
func TestSettingsComeFromFlagsVariablesAndFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "gatehouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("dev: true\nlog-format: text\nlog-level: loud\noperators: [olga@operators.example]\n"), 0o600))

	p, err := launch(dir, []string{"GATEHOUSE_LOG_LEVEL=debug", "GATEHOUSE_HTTP_ADDR=nowhere", "GATEHOUSE_DATA_DIR=kept-here"},
		gatehouse, "serve", "--config", file, "--http-addr", "127.0.0.1:0", "--grpc-addr", "")
	require.NoError(t, err)
	s := &server{process: p}
	require.NoError(t, s.awaitReady())
	require.NoError(t, s.stop())
	assert.FileExists(t, filepath.Join(dir, "kept-here", "dev-key.pem"))
	assert.Contains(t, s.stderr.String(), "dev=true")
}

// TestConfiguredOperatorsOperate makes an operator of whom the configuration names,
// at the first login, and of nobody else.
func TestConfiguredOperatorsOperate(t *testing.T) {
	t.Parallel()
	s := start(t, "--operators", "Olga@Operators.example,otto@operators.example")

	for email, status := range map[string]int{
		"olga@operators.example": 201, "otto@operators.example": 201, "eve@operators.example": 403,
	} {
		s.as(t, email).post(t, "/v1/partners", object{"name": "A"}).want(t, status)
	}
}

// TestTokensAreMadeForWhomOneNames says what is amiss otherwise.
func TestTokensAreMadeForWhomOneNames(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"nobody":           {[]string{"--data-dir", shared.dataDir}, `required flag(s) "email" not set`},
		"no e-mail":        {[]string{"--data-dir", shared.dataDir, "--email", "Ann <ann@token.example>"}, `--email: "Ann <ann@token.example>" is not an e-mail address`},
		"nobody's servant": {[]string{"--data-dir", t.TempDir(), "--email", "ann@token.example"}, "start `gatehouse serve --dev` with this --data-dir once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			printed, err := say(t.Context(), "", gatehouse, append([]string{"token"}, c.flags...)...)
			require.ErrorContains(t, err, c.says)
			assert.Empty(t, printed)
		})
	}
}

// TestKeysAreForTheirOwnerAlone keeps what opens the server from the machine's other people.
func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()

	for _, file := range []string{"", "dev-key.pem", "grpc-key", "outbox"} {
		info, err := os.Stat(filepath.Join(shared.dataDir, file))
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is %s", file, info.Mode())
	}
}
