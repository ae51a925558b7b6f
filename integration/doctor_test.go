package integration

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDoctor examines a server that runs: well, then with a key that everybody may read.
func TestDoctor(t *testing.T) {
	t.Parallel()
	s := start(t)
	text, code := examined(t, "--dev", "--data-dir", s.dataDir)
	assert.Zero(t, code, text)
	assert.Contains(t, text, "all is well")

	key := filepath.Join(s.dataDir, "audit-key.pem")
	require.NoError(t, os.Chmod(key, 0o644))
	text, code = examined(t, "--dev", "--data-dir", s.dataDir)
	assert.Equal(t, 1, code)
	assert.Contains(t, text, "PROBLEM, files: "+key)
	assert.Contains(t, text, "cure: chmod o-rw "+key)

	text, code = examined(t, "--dev", "--data-dir", s.dataDir, "--json")
	assert.Equal(t, 1, code)
	var report struct {
		Parts    []string
		Findings []struct{ Part, Severity, Code, What, Cure string }
	}
	require.NoError(t, json.Unmarshal([]byte(text), &report), text)
	require.Len(t, report.Findings, 1)
	assert.Equal(t, "readable_by_all", report.Findings[0].Code)
	assert.Equal(t, "problem", report.Findings[0].Severity)
	assert.Contains(t, report.Parts, "data file")
}

// TestWarningsAreNoFailure, and what cannot be examined is neither.
func TestWarningsAreNoFailure(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none yet")
	text, code := examined(t, "--dev", "--data-dir", dir, "--in-memory")
	assert.Zero(t, code, text)
	assert.Contains(t, text, "WARNING, settings: ")
	assert.NoDirExists(t, dir, "nothing is made")
	for _, flags := range [][]string{{"--frobnicate"}, {"--http-addr", "nowhere"}, {"a word"}} {
		text, code := examined(t, flags...)
		assert.Equal(t, 2, code, flags)
		assert.Empty(t, text)
	}
}

// examined is what the doctor prints, and its exit code.
func examined(t *testing.T, flags ...string) (text string, code int) {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), gatehouse, append([]string{"doctor"}, flags...)...)
	command.Env = clean()
	output, err := command.Output()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		require.NoError(t, err)
	}
	return string(output), command.ProcessState.ExitCode()
}
