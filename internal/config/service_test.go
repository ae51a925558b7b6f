package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

const unit = "../../deploy/gatehouse.service"

// TestTheServiceIsToldWhatItUnderstands, may write to its data alone, and is nobody.
func TestTheServiceIsToldWhatItUnderstands(t *testing.T) {
	text, err := os.ReadFile(unit)
	require.NoError(t, err)
	says := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			says[key] = strings.TrimSpace(says[key] + " " + value)
		}
	}

	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	command := strings.Fields(says["ExecStart"])
	require.Equal(t, "serve", command[1])
	require.NoError(t, flags.Parse(command[2:]))
	for _, variable := range strings.Fields(says["Environment"]) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("dev: true\n"), 0o600))
	settings, err := config.Load(flags, file)
	require.NoError(t, err)
	assert.Equal(t, "/var/lib/"+says["StateDirectory"], settings.DataDir)

	assert.Equal(t, "gatehouse", says["User"])
	assert.Equal(t, "strict", says["ProtectSystem"])
	assert.Equal(t, "yes", says["NoNewPrivileges"])
	bounding, ok := says["CapabilityBoundingSet"]
	assert.True(t, ok && bounding == "", "it needs no capability")
}

// TestSystemdAgrees, where it is installed.
func TestSystemdAgrees(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed")
	}
	text, err := os.ReadFile(unit)
	require.NoError(t, err)
	here, err := os.Executable()
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "gatehouse.service")
	require.NoError(t, os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/gatehouse", here)), 0o644))
	said, err := exec.Command(analyze, "verify", copied).CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Empty(t, string(said))
	said, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", copied).CombinedOutput()
	require.NoError(t, err, "exposed to more than 2.0 of 10:\n%s", said)
}
