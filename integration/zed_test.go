package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// zed runs SpiceDB's own command line against the server.
func (s *server) zed(t *testing.T, args ...string) string {
	t.Helper()

	printed, err := say(t.Context(), "", zed, append(args,
		"--endpoint", s.grpc, "--insecure", "--token", s.key, "--skip-version-check", "--log-level", "error")...)
	require.NoError(t, err)
	return printed
}

// zedAllows asks zed what the server is asked too.
func (s *server) zedAllows(t *testing.T, resource, permission, subject string) bool {
	t.Helper()

	switch printed := strings.TrimSpace(s.zed(t, "permission", "check", resource, permission, subject, "--consistency-full")); printed {
	case "true":
		return true
	case "false":
		return false
	default:
		t.Fatalf("zed permission check said %q", printed)
		return false
	}
}

// TestZedValidatesTheSchema runs every validation file through zed, the tool an operator has at hand, and takes its
// warnings for errors.
func TestZedValidatesTheSchema(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob(filepath.Join("..", "schema", "validations", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()

			_, err := say(t.Context(), "", zed, "validate", "--fail-on-warn", file)
			require.NoError(t, err)
		})
	}
}
