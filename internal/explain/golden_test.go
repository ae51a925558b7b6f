package explain_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
)

var update = flag.Bool("update", false, "write what is explained into the golden files")

// divider stands between what is given and what comes of it.
const divider = "\n\n----------\n\n"

var (
	eventPattern    = regexp.MustCompile(`^(\S+) (\w+) (\w+) (TOUCH|DELETE) (\S+)$`)
	questionPattern = regexp.MustCompile(`^(\w+) asks why (\S+) has (\w+) on (\S+?)(, with the tree)?$`)
)

// TestGolden runs testdata/<case>.txt. A file says in prose what it is about, lists
// the relationships there are and what happened, by whom and when, and asks. Below
// the divider stands what each asker is told.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	w := start(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w.clear(t)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			input, wanted, _ := strings.Cut(string(text), divider)
			got := w.play(strings.TrimSpace(input))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(strings.TrimSpace(input)+divider+got), 0o644))
				return
			}
			assert.Equal(t, wanted, got)
		})
	}
}

// play brings about what the input says, and renders the answers to its questions.
func (w *world) play(input string) string {
	w.t.Helper()
	_, body, found := strings.Cut(input, "\n\n") // prose comes first
	require.True(w.t, found, "say what the file is about, then leave a line empty")
	var answers strings.Builder
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if factPattern.MatchString(line) {
			w.happens(access.Cause{Operation: "create", Actor: access.System, At: time.Unix(0, 0)}, access.Update{Relationship: w.fact(line)})
		} else if e := eventPattern.FindStringSubmatch(line); e != nil {
			w.event(e)
		} else if q := questionPattern.FindStringSubmatch(line); q != nil {
			explained := w.ask(w.person(q[1]), q[3], w.object(q[4]), q[2])
			answers.WriteString(q[1] + " is told: " + w.named(explained.Sentence) + "\n")
			if q[5] != "" {
				answers.WriteString(w.named(drawn(explained.Tree, 1)))
			}
		} else {
			require.Empty(w.t, line, "this is no fact, event or question")
		}
	}
	return answers.String()
}

// event is "<when> <who> <operation> <verb> <relationship>"; gatehouse is who does
// things by itself.
func (w *world) event(words []string) {
	w.t.Helper()
	at, err := time.Parse(time.RFC3339, words[1])
	require.NoError(w.t, err)
	c := access.Cause{Operation: words[3], Actor: access.System, At: at}
	if words[2] != "gatehouse" {
		c.Actor = w.person(words[2])
	}
	u := access.Update{Relationship: w.fact(words[5])}
	if words[4] == "DELETE" {
		u.Verb = access.Delete
	}
	w.happens(c, u)
}
