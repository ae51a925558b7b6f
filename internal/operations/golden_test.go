package operations_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

var update = flag.Bool("update", false, "write what the operations do into the golden files")

// divider stands between what is given and what comes of it.
const divider = "\n\n----------\n\n"

// TestGolden runs testdata/<verb>/<case>.txt. A file says in prose what it is
// about, lists the relationships and people there are, and ends in sentences that
// name operations. Below the divider stands the exact write the last one commits,
// or the error it ends in. Grounds are printed if the permission rests on them.
func TestGolden(t *testing.T) {
	t.Parallel()
	for verb, files := range goldenFiles(t) {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			engine := start(t)
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
					engine.clear(t)
					text, err := os.ReadFile(file)
					require.NoError(t, err)
					input, wanted, _ := strings.Cut(string(text), divider)
					input = strings.TrimSpace(input)

					got := play(engine.world(t), input)
					if *update {
						require.NoError(t, os.WriteFile(file, []byte(input+divider+got), 0o644))
						return
					}
					assert.Equal(t, wanted, got)
				})
			}
		})
	}
}

// TestGoldenFilesCoverTheCatalogue sees to it that each role that members are
// given is added, offered, accepted and ended in some file.
func TestGoldenFilesCoverTheCatalogue(t *testing.T) {
	files := goldenFiles(t)
	for verb, line := range map[string]func(roles.Role) string{
		"add":    func(r roles.Role) string { return `TOUCH ` + r.Object + `:\w+#` + r.Relation + `@user:` },
		"accept": func(r roles.Role) string { return `TOUCH ` + r.Object + `:\w+#` + r.Relation + `@user:` },
		"end":    func(r roles.Role) string { return `DELETE ` + r.Object + `:\w+#` + r.Relation + `@user:` },
		"invite": func(r roles.Role) string { return `TOUCH invitation:#\d+#` + r.Offer() + `@` + r.Object + `:` },
	} {
		var written strings.Builder
		for _, file := range files[verb] {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			written.Write(text)
		}
		for _, role := range roles.Catalogue {
			if role.Way == roles.Membership {
				assert.True(t, regexp.MustCompile(`(?m)^`+line(role)).MatchString(written.String()),
					"no file in testdata/%s shows the role %s", verb, role.ID)
			}
		}
	}
}

// goldenFiles lists the files of each verb.
func goldenFiles(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	byVerb := map[string][]string{}
	for _, file := range files {
		verb := filepath.Base(filepath.Dir(file))
		byVerb[verb] = append(byVerb[verb], file)
	}
	return byVerb
}

// play brings about what the input says, and renders what its last sentence did.
func play(w *world, input string) string {
	_, body, found := strings.Cut(input, "\n\n") // prose comes first
	require.True(w.t, found, "say what the file is about, then leave a line empty")
	var result string
	var err error
	var vital map[access.Precondition]bool
	w.store.before = func(write access.Write) { vital = w.weigh(write) }
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		require.NoError(w.t, err, "only the last sentence may fail")
		w.store.forget()
		switch {
		case line == "":
		case factPattern.MatchString(line):
			w.given(line)
		case !strings.Contains(line, " "):
			w.object(line) // somebody the directory knows
		default:
			result, err = w.say(line)
		}
	}
	if err != nil {
		require.Empty(w.t, w.store.writes(), "what failed must write nothing")
		var failure *access.Error
		require.True(w.t, errors.As(err, &failure), "unexpected error: %v", err)
		if failure.Permission != "" {
			return fmt.Sprintf("%s: needs %s\n", failure.Kind, failure.Permission)
		}
		return fmt.Sprintf("%s: %s\n", failure.Kind, failure.Code)
	}
	return result + "\n" + w.written(vital)
}

// written renders the commits of the last sentence, the grounds that matter apart.
func (w *world) written(vital map[access.Precondition]bool) string {
	if len(w.store.writes()) == 0 {
		return "\nnothing is written\n"
	}
	var out strings.Builder
	for _, write := range w.store.writes() {
		section := func(lines []string) {
			if len(lines) > 0 {
				out.WriteString("\n" + w.named(strings.Join(lines, "\n")) + "\n")
			}
		}
		section(texts(write.Updates))
		var required, grounds []access.Precondition
		for _, p := range write.Preconditions {
			if matters, isGround := vital[p]; !isGround {
				required = append(required, p)
			} else if matters {
				grounds = append(grounds, p)
			}
		}
		slices.SortFunc(grounds, func(a, b access.Precondition) int { return strings.Compare(a.String(), b.String()) })
		section(texts(required))
		section(texts(grounds))
		c := write.Cause
		section([]string{"operation: " + c.Operation, "actor: " + c.Actor.String(), "reason: " + c.Reason, "request_id: " + c.RequestID})
	}
	return out.String()
}

// weigh finds, right before a commit, the grounds that matter: without which the
// actor, or the inviter, would not be entitled. SpiceDB asks several questions at
// once and reports those it had answers to by the time it was sure; of these only
// the ones that matter are the same every time.
func (w *world) weigh(write access.Write) (vital map[access.Precondition]bool) {
	w.t.Helper()
	vital = map[access.Precondition]bool{}
	for _, p := range write.Preconditions {
		if check, isGround := w.store.grounds[p]; isGround {
			vital[p] = w.restsOn(check, p)
		}
	}
	return vital
}

// restsOn reports whether a permission is lost where the ground does not hold.
func (w *world) restsOn(check access.Check, ground access.Precondition) bool {
	w.t.Helper()
	f := ground.Filter
	matching, _, err := w.store.Read(w.t.Context(), f)
	require.NoError(w.t, err)
	var breaks, mends access.Write
	if ground.MustFail {
		matching = []access.Relationship{access.Relate(
			access.Object{Type: f.ResourceType, ID: f.ResourceID}, f.Relation, access.Object{Type: f.SubjectType, ID: f.SubjectID})}
		breaks.Touch(matching...)
		mends.Delete(matching...)
	} else {
		breaks.Delete(matching...)
		mends.Touch(matching...)
	}
	if _, err := w.store.Relationships.Write(w.t.Context(), breaks); err != nil && ground.MustFail {
		return false // the schema does not allow what would break it
	} else {
		require.NoError(w.t, err)
	}
	defer w.past(mends)
	decision, err := w.checks.Check(w.t.Context(), check)
	require.NoError(w.t, err)
	return !decision.Allowed
}

func texts[T fmt.Stringer](items []T) []string {
	lines := make([]string, len(items))
	for i, item := range items {
		lines[i] = item.String()
	}
	return lines
}
