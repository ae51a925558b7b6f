package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var pasted = regexp.MustCompile(`(?m)^(?:export|curl|bin/zed) .*$`)

// TestDemoIsReadyToBeTried pastes the commands that the demo prints into a shell,
// as they stand and at once.
func TestDemoIsReadyToBeTried(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(zed, filepath.Join(dir, "bin", "zed")))

	// Loading it a second time finds the keys that the first left behind.
	for _, time := range []string{"first", "second"} {
		t.Run("loaded for the "+time+" time", func(t *testing.T) {
			s, err := serve(filepath.Join(dir, "data"), "--dev", "--demo")
			require.NoError(t, err)
			defer func() { require.NoError(t, s.stop()) }()

			await(t, "the guide", func() bool { return strings.Contains(s.stdout.String(), "Ctrl-C") })
			commands := pasted.FindAllString(s.stdout.String(), -1)
			require.Len(t, commands, 4, "a token, and three commands to try:\n%s", &s.stdout)
			shown := make([]string, len(commands))
			for i, command := range commands {
				if i > 0 {
					shown[i], err = say(t.Context(), dir, "bash", "-euc", commands[0]+"\n"+command)
					require.NoError(t, err)
				}
			}
			members := answer{body: []byte(shown[1])}
			assert.Equal(t, "peter.novak@globex.example", members.text(t, "members", 0, "user", "email"))
			assert.Equal(t, "uma.patel@globex.example", members.text(t, "members", 1, "user", "email"))
			assert.Equal(t, true, answer{body: []byte(shown[2])}.at(t, "allowed"))
			assert.Regexp(t, `(?m)^project:discovery member user:`, shown[3])
			assert.Regexp(t, `(?m)^project:discovery client client:globex$`, shown[3])
		})
	}
}

// TestDemoInvitesFour lets a newcomer accept an invitation of each product.
func TestDemoInvitesFour(t *testing.T) {
	t.Parallel()
	s := start(t, "--demo")

	await(t, "four mails", func() bool { return len(s.letters(t)) == 4 })
	for email, roles := range map[string][]any{
		"noor.haddad@globex.example":     {"project_member"},
		"eva.schmid@alpenhost.example":   {"cockpit_access", "technical_contact"},
		"finn.maas@nordnet.example":      {"portal_read_only_user"},
		"sofia.conti@wanderlust.example": {"instance_member"},
	} {
		_, token := s.letter(t, email).link(t)
		accepted := s.as(t, email).post(t, "/v1/invitations/accept", object{"token": token}).want(t, 201)
		assert.Equal(t, roles, accepted.at(t, "roles"), email)
	}
}
