package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/semver"

	"github.com/gatehouse/gatehouse/internal/config"
)

// TestComposeFile reads docker-compose.yml as Compose would, and holds it against
// what Gatehouse and SpiceDB need.
func TestComposeFile(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithProfiles([]string{"cluster"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)

	assert.ElementsMatch(t, []string{"gatehouse", "replica-1", "replica-2", "postgres", "spicedb-migrate", "spicedb", "redis", "mail"}, project.ServiceNames())
	for name, service := range project.Services {
		for _, port := range service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, "%s is published to this machine only", name)
		}
		if service.Build == nil {
			assert.Contains(t, service.Image, ":", "%s is pinned", name)
			assert.NotContains(t, service.Image, "latest", "%s is pinned", name)
		}
	}

	settings := map[string]config.Config{}
	for _, name := range []string{"gatehouse", "replica-1", "replica-2"} {
		t.Run(name+" is told only what it understands", func(t *testing.T) {
			flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
			config.Flags(flags)
			service := project.Services[name]
			require.Equal(t, "serve", service.Command[0])
			require.NoError(t, flags.Parse(service.Command[1:]))
			for name, value := range service.Environment {
				t.Setenv(name, *value)
			}
			settings[name], err = config.Load(flags, "")
			require.NoError(t, err)
		})
	}
	t.Run("replicas stand on the same", func(t *testing.T) {
		one := settings["replica-1"]
		assert.Equal(t, one, settings["replica-2"])
		assert.Equal(t, *project.Services["spicedb"].Environment["SPICEDB_GRPC_PRESHARED_KEY"], one.SpiceDBKey)
		assert.NotEmpty(t, one.DevKeyFile)
		assert.NotEmpty(t, one.RedisURL)
	})
	t.Run("the Dockerfile it is built from is there", func(t *testing.T) {
		_, err := os.Stat("../../Dockerfile")
		require.NoError(t, err)
	})
	t.Run("SpiceDB ends roles at their end", func(t *testing.T) {
		_, version, _ := strings.Cut(project.Services["spicedb"].Image, ":")
		assert.GreaterOrEqual(t, semver.Compare(version, "v1.57.1"), 0, "%s renews cached answers on every read", version)
		assert.Equal(t, project.Services["spicedb"].Image, project.Services["spicedb-migrate"].Image)
	})
	t.Run("Postgres keeps what Watch reads", func(t *testing.T) {
		assert.Contains(t, project.Services["postgres"].Command, "track_commit_timestamp=on")
	})
	t.Run("Redis keeps epochs", func(t *testing.T) {
		assert.Contains(t, project.Services["redis"].Command, "volatile-lru")
	})
}
