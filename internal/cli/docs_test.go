package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign are flags that the pages mention of programs that are not ours.
var foreign = map[string]string{
	"--datastore-engine": "spicedb", "--datastore-gc-window": "spicedb", "--dispatch-cache-enabled": "spicedb", "--dispatch-cluster-cache-enabled": "spicedb",
	"--grpc-preshared-key": "spicedb",
}

// formats begin like calls: it is what hashes are of.
var formats = map[string]bool{"audit record 1": true, "audit digest 1": true, "audit beginning 1": true}

var (
	// code is what pages show as typed: lines of a shell, and words between backticks.
	code = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$|`([^`\n]+)`")
	// called is a call of ours, up to what the shell makes of the rest.
	called = regexp.MustCompile(`(?m)(?:^|[;&|(=]) *(?:bin/)?gatehouse ([a-z][^;&|)#\n]*)`)
	flag   = regexp.MustCompile(`^--[a-z][a-z0-9-]*`)
)

// TestThePagesTellOfWhatExists looks up each command and each flag that they mention.
func TestThePagesTellOfWhatExists(t *testing.T) {
	t.Parallel()
	root := commands()
	known := map[string]bool{}
	visit(root, func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Flags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
	})
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	require.NoError(t, err)
	pages = append(pages, filepath.Join("..", "..", "README.md"))
	calls := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, found := range code.FindAllStringSubmatch(string(text), -1) {
			shown := found[1] + found[2]
			for _, call := range called.FindAllStringSubmatch(shown, -1) {
				if formats[call[1]] {
					continue
				}
				calls++
				exists(t, root, page, call[1])
			}
			if name := flag.FindString(shown); name != "" && foreign[name] == "" {
				assert.True(t, known[name], "%s: there is no flag %s", page, name)
			}
		}
	}
	assert.Greater(t, calls, 30, "calls found")
}

// exists finds a command, and the flags it is called with.
func exists(t *testing.T, root *cobra.Command, page, call string) {
	t.Helper()
	words := strings.Fields(call)
	command, _, err := root.Find(words)
	if err != nil || !command.Runnable() {
		t.Errorf("%s: there is no command: gatehouse %s", page, call)
		return
	}
	for _, word := range words {
		name := strings.TrimPrefix(flag.FindString(word), "--")
		if name != "" && command.Flags().Lookup(name) == nil && command.InheritedFlags().Lookup(name) == nil {
			t.Errorf("%s: %s has no flag --%s", page, command.CommandPath(), name)
		}
	}
}

func visit(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		visit(sub, do)
	}
}
