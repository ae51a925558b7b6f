package config_test

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

func loadStores(t *testing.T, args ...string) (config.Stores, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.StoresFlags(flags)
	require.NoError(t, flags.Parse(args))
	return config.LoadStores(flags)
}

func TestStoresAreReadFromFlagsAndVariables(t *testing.T) {
	t.Setenv("GATEHOUSE_SPICEDB_KEY", "from-the-environment")
	t.Setenv("GATEHOUSE_DIRECTORY_URL", "postgres://from-the-environment/")
	t.Setenv("GATEHOUSE_HTTP_ADDR", "127.0.0.1:8080") // for the server
	s, err := loadStores(t, "--spicedb-endpoint", "127.0.0.1:50051", "--directory-url", "postgres://from-the-flag/")
	require.NoError(t, err)
	assert.Equal(t, config.Stores{
		DataDir: "./data", SpiceDBEndpoint: "127.0.0.1:50051", SpiceDBKey: "from-the-environment", DirectoryURL: "postgres://from-the-flag/",
	}, s)
}

func TestStoresThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no endpoint":          {[]string{"--directory-url", "postgres://localhost/"}, "need spicedb-endpoint"},
		"no port":              {[]string{"--spicedb-endpoint", "localhost"}, "must be host:port"},
		"no key":               {[]string{"--spicedb-endpoint", "localhost:1", "--directory-url", "postgres://localhost/"}, "needs spicedb-key"},
		"no directory":         {[]string{"--spicedb-endpoint", "localhost:1", "--spicedb-key", "k"}, "needs directory-url"},
		"directory elsewhere":  {[]string{"--spicedb-endpoint", "localhost:1", "--spicedb-key", "k", "--directory-url", "mysql://localhost/"}, "a postgres:// URL"},
		"no data directory":    {[]string{"--data-dir", ""}, "data-dir must not be empty"},
		"all faults are named": {[]string{"--spicedb-endpoint", "localhost"}, "needs directory-url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadStores(t, c.args...)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestPlaintextOnThisMachineOrOnRequest(t *testing.T) {
	for endpoint, plain := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "10.0.0.1:1": false, "spicedb:1": false} {
		assert.Equal(t, plain, config.Stores{SpiceDBEndpoint: endpoint}.Plaintext(), endpoint)
		assert.True(t, config.Stores{SpiceDBEndpoint: endpoint, SpiceDBInsecure: true}.Plaintext(), endpoint)
		assert.False(t, config.Stores{SpiceDBEndpoint: endpoint, SpiceDBCAFile: "ca.pem"}.Plaintext(), endpoint)
	}
}

// servers are a SpiceDB and a Postgres that run by themselves.
var servers = []string{"--spicedb-endpoint", "127.0.0.1:50051", "--spicedb-key", "k", "--directory-url", "postgres://localhost/"}

func TestAServerBesideItsStores(t *testing.T) {
	c, err := load(t, "", append(servers, "--dev")...)
	require.NoError(t, err)
	assert.Empty(t, c.DataFile())
	assert.Empty(t, c.GRPCAddr, "the default is for the SpiceDB in this process")
	_, err = load(t, "", append(servers, "--dev", "--grpc-addr", "")...)
	require.NoError(t, err)
}

func TestAServerBesideItsStoresThatMakesNoSense(t *testing.T) {
	t.Setenv("GATEHOUSE_GRPC_ADDR", "127.0.0.1:50051")
	_, err := load(t, "", append(servers, "--in-memory", "--dev-key-file", "key.pem", "--spicedb-insecure", "--spicedb-ca-file", "ca.pem", "--data-dir", "")...)
	for _, fault := range []string{
		"grpc-addr is of the SpiceDB in this process", "in-memory and spicedb-endpoint", "dev-key-file needs dev",
		"spicedb-insecure and spicedb-ca-file", "data-dir must not be empty",
	} {
		require.ErrorContains(t, err, fault)
	}
	_, err = load(t, "", "--spicedb-ca-file", "ca.pem", "--redis-url", "nowhere")
	require.ErrorContains(t, err, "need spicedb-endpoint")
	require.ErrorContains(t, err, "grpc-key must be set")
	require.ErrorContains(t, err, "redis-url must be")
}
