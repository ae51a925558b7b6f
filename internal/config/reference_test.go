package config_test

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// TestTheReferenceIsCurrent: whoever changes a setting runs `make generate`.
func TestTheReferenceIsCurrent(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *update {
		require.NoError(t, os.WriteFile(path, config.Reference(), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(config.Reference()), string(got), "run: make generate")
}

var row = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| `([A-Z_]+)` \\|.*\\| (.+) \\|$")

// TestTheReferenceHasEverySetting once: all that the struct can hold, that there is a flag
// for, and that can be said in a variable.
func TestTheReferenceHasEverySetting(t *testing.T) {
	told := map[string]string{}
	for _, found := range row.FindAllStringSubmatch(string(config.Reference()), -1) {
		assert.NotContains(t, told, found[1], "twice")
		told[found[1]] = found[2]
		assert.Greater(t, len(found[3]), 10, "%s means something", found[1])
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	config.BeneathFlags(flags)
	var declared []string
	flags.VisitAll(func(f *pflag.Flag) { declared = append(declared, f.Name) })
	var kept []string
	for key := range keys(reflect.TypeFor[config.Config]()) {
		kept = append(kept, key)
	}
	var names []string
	for name := range told {
		names = append(names, name)
	}
	assert.ElementsMatch(t, declared, names)
	assert.ElementsMatch(t, kept, names)
	require.Greater(t, len(names), 40)

	for name, variable := range told {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "surprise")
			_, err := load(t, "", "--dev")
			if err != nil {
				assert.NotContains(t, err.Error(), "there is no setting", name)
			}
		})
	}
}

// keys are those of a struct and of those squashed into it.
func keys(of reflect.Type) map[string]bool {
	found := map[string]bool{}
	for i := range of.NumField() {
		key, squashed := strings.CutSuffix(of.Field(i).Tag.Get("koanf"), ",squash")
		if !squashed {
			found[key] = true
			continue
		}
		for name := range keys(of.Field(i).Type) {
			found[name] = true
		}
	}
	return found
}
