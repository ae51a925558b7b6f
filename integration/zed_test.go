package integration

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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

// bothSay asks the server and zed the same, and insists on the answer of both.
func (s *server) bothSay(t *testing.T, want bool, resource, permission, subject string) {
	t.Helper()

	objectType, id, _ := strings.Cut(resource, ":")
	subjectType, subjectID, _ := strings.Cut(subject, ":")
	got := s.operator(t).post(t, "/v1/check", question(objectType, id, permission, object{"type": subjectType, "id": subjectID})).want(t, http.StatusOK)
	assert.Equal(t, want, got.at(t, "allowed"), "the server of %s %s %s", resource, permission, subject)
	assert.Equal(t, want, s.zedAllows(t, resource, permission, subject), "zed of %s %s %s", resource, permission, subject)
}

// zedReads lists the relationships on an object as zed does: object, relation, subject.
func (s *server) zedReads(t *testing.T, object string, relation ...string) []string {
	t.Helper()

	return strings.Split(strings.TrimSpace(s.zed(t, append([]string{"relationship", "read", "--consistency-full", object}, relation...)...)), "\n")
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
