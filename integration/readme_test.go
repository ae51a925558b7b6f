package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeTour walks the tour of the README in a shell, block by block as it is
// printed there, and sees what it says one sees.
func TestReadmeTour(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(zed, filepath.Join(dir, "bin", "zed")))
	require.NoError(t, os.Symlink(gatehouse, filepath.Join(dir, "bin", "gatehouse")))
	s, err := serve(filepath.Join(dir, "data"), "--dev", "--demo")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop()) }()
	const invited = 4 // by the demo
	await(t, "the demo's mails", func() bool { return len(s.letters(t)) == invited })

	// The tour is about the default ports.
	toHere := strings.NewReplacer("127.0.0.1:8080", strings.TrimPrefix(s.url, "http://"), "127.0.0.1:50051", s.grpc)
	fromHere := strings.NewReplacer(strings.TrimPrefix(s.url, "http://"), "127.0.0.1:8080", s.grpc, "127.0.0.1:50051")
	shell := newShell(t, dir)
	for _, b := range tour(t) {
		if b.commands == "make zed\n" {
			continue
		}
		if strings.Contains(b.commands, "outbox") {
			await(t, "Ben's mail", func() bool { return len(s.letters(t)) == invited+1 })
		}
		seen := fromHere.Replace(shell.paste(t, toHere.Replace(b.commands)))
		if b.printed != "" {
			assert.Equal(t, lasting(b.printed), lasting(seen), "%s", b.commands)
		}
	}
}

// block is what the README has one paste, and what it says is printed then.
type block struct {
	commands, printed string
}

var blocks = regexp.MustCompile("(?ms)^```(sh|json|text)\n(.*?)^```$")

// tour reads the README's.
func tour(t *testing.T) (all []block) {
	t.Helper()

	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "## A five-minute tour\n")
	require.True(t, found)
	section, _, _ := strings.Cut(rest, "\n## ")
	for _, b := range blocks.FindAllStringSubmatch(section, -1) {
		if b[1] == "sh" {
			all = append(all, block{commands: b[2]})
		} else {
			all[len(all)-1].printed = b[2]
		}
	}
	require.NotEmpty(t, all)
	return all
}

// passing is what differs from one tour to the next: moments, and what is made up.
var passing = regexp.MustCompile(strings.Join([]string{
	`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
	`\d+ \w+ \d{4}, \d\d:\d\d UTC`,
	`\b[0-9A-HJKMNP-TV-Z]{26}\b`,
	`"(written|checked)_at":"[^"]*"`,
	`token=[\w-]+`,
	`\(\d+(\.\d+)?[µm]?s\)`,
}, "|"))

// lasting is the rest, line by line, without the branches of an explanation:
// SpiceDB tries them at once, and shows those it had come to.
func lasting(text string) (lines []string) {
	for line := range strings.Lines(passing.ReplaceAllString(strings.TrimSpace(text), "…")) {
		if line = strings.TrimRight(line, " \r\n"); !strings.ContainsAny(line, "├│└") && !strings.HasPrefix(line, "    ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// shell is a bash that things are pasted into.
type shell struct {
	input  io.Writer
	output *journal
	read   int
	pastes int
}

func newShell(t *testing.T, dir string) *shell {
	t.Helper()

	command := exec.Command("bash", "-u")
	command.Dir, command.Env = dir, clean()
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output := new(journal)
	command.Stdout = output
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = input.Close()
		assert.NoError(t, command.Wait())
	})
	return &shell{input: input, output: output}
}

// paste runs commands, and returns what they print.
func (s *shell) paste(t *testing.T, commands string) string {
	t.Helper()

	s.pastes++
	end := fmt.Sprintf("\n--- %d ---\n", s.pastes)
	_, err := fmt.Fprintf(s.input, "%s\necho; echo '--- %d ---'\n", commands, s.pastes)
	require.NoError(t, err)
	var printed string
	await(t, commands, func() bool {
		var done bool
		printed, _, done = strings.Cut(s.output.String()[s.read:], end)
		return done
	})
	s.read += len(printed) + len(end)
	return printed
}
