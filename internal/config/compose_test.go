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

	assert.ElementsMatch(t, []string{"gatehouse", "postgres", "spicedb-migrate", "spicedb", "redis", "mail"}, project.ServiceNames())
	for name, service := range project.Services {
		for _, port := range service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, "%s is published to this machine only", name)
		}
		if service.Build == nil {
			assert.Contains(t, service.Image, ":", "%s is pinned", name)
			assert.NotContains(t, service.Image, "latest", "%s is pinned", name)
		}
	}

	t.Run("gatehouse is told only what it understands", func(t *testing.T) {
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		config.Flags(flags)
		gatehouse := project.Services["gatehouse"]
		require.Equal(t, "serve", gatehouse.Command[0])
		require.NoError(t, flags.Parse(gatehouse.Command[1:]))
		for name, value := range gatehouse.Environment {
			t.Setenv(name, *value)
		}
		_, err := config.Load(flags, "")
		require.NoError(t, err)
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
