package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

func load(t *testing.T, file string, args ...string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	require.NoError(t, flags.Parse(args))
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "gatehouse.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	}
	return config.Load(flags, path)
}

func TestDefaultsServeALaptop(t *testing.T) {
	c, err := load(t, "", "--dev")
	require.NoError(t, err)
	assert.Equal(t, "./data", c.DataDir)
	assert.Equal(t, "127.0.0.1:8080", c.HTTPAddr)
	assert.Equal(t, "127.0.0.1:50051", c.GRPCAddr)
	assert.Equal(t, "UTC", c.TimeZone)
}

func TestPrecedence(t *testing.T) {
	file := "http-addr: 127.0.0.1:1\ndata-dir: from-file\nlog-level: warn\noperators: [file@example.org]\n"
	t.Setenv("GATEHOUSE_HTTP_ADDR", "127.0.0.1:2")
	t.Setenv("GATEHOUSE_DATA_DIR", "from-variable")
	t.Setenv("GATEHOUSE_OPERATORS", "one@example.org, two@example.org")

	c, err := load(t, file, "--dev", "--http-addr", "127.0.0.1:3")
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:3", c.HTTPAddr, "a flag wins over a variable")
	assert.Equal(t, "from-variable", c.DataDir, "a variable wins over the file")
	assert.Equal(t, "warn", c.LogLevel, "the file wins over the default")
	assert.Equal(t, []string{"one@example.org", "two@example.org"}, c.Operators)
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	t.Setenv("GATEHOUSE_COLOUR", "blue")
	_, err := load(t, "shape: round\n", "--http-addr", "nowhere", "--grpc-addr", "nowhere", "--grpc-key", "short",
		"--public-url", "ftp://x", "--mail-from", "nobody", "--operators", "nobody", "--demo", "--log-level", "loud", "--log-format", "verse", "--time-zone", "Moon", "--data-dir", "")
	require.Error(t, err)
	for _, fault := range []string{
		"GATEHOUSE_COLOUR", `"shape"`, "http-addr", "grpc-addr", "grpc-key", "public-url", "mail-from", "operators", "demo needs dev", "log-level", "log-format", "data-dir", "time-zone",
	} {
		assert.ErrorContains(t, err, fault)
	}
}

func TestPresharedKeyIsRequiredOutsideDevMode(t *testing.T) {
	_, err := load(t, "", "--oidc-issuers", "https://login.example=gatehouse")
	require.ErrorContains(t, err, "grpc-key must be set")
	_, err = load(t, "", "--oidc-issuers", "https://login.example=gatehouse", "--grpc-addr", "")
	require.NoError(t, err)
	_, err = load(t, "", "--oidc-issuers", "https://login.example=gatehouse", "--grpc-key", "0123456789abcdef")
	require.NoError(t, err)
}

func TestFileMayBeNamedByVariable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	require.NoError(t, os.WriteFile(path, []byte("data-dir: from-file\n"), 0o600))
	t.Setenv("GATEHOUSE_CONFIG", path)
	c, err := load(t, "", "--dev")
	require.NoError(t, err)
	assert.Equal(t, "from-file", c.DataDir)

	t.Setenv("GATEHOUSE_CONFIG", path+".missing")
	_, err = load(t, "", "--dev")
	require.Error(t, err)
}

func TestKubernetesMayDescribeTheService(t *testing.T) {
	t.Setenv("GATEHOUSE_PORT", "tcp://10.0.0.1:8080")
	t.Setenv("GATEHOUSE_PORT_8080_TCP_ADDR", "10.0.0.1")
	t.Setenv("GATEHOUSE_SERVICE_HOST", "10.0.0.1")
	t.Setenv("GATEHOUSE_TOKEN", "of an operator, for gatehouse app")
	t.Setenv("GATEHOUSE_SERVICE_PORT_HTTP", "8080")
	_, err := load(t, "", "--dev")
	require.NoError(t, err)
}
