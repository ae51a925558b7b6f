package internal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// acceptanceRows are those of the four products.
func acceptanceRows() (rows []string) {
	for _, product := range []struct {
		name string
		rows int
	}{{"NINE", 10}, {"NEZ", 9}, {"DCX", 10}, {"C9", 9}} {
		for n := range product.rows {
			rows = append(rows, fmt.Sprintf("%s-%d", product.name, n+1))
		}
	}
	return rows
}

// TestEveryAcceptanceRowIsAskedOfZed finds, for each row, a test from the outside that
// carries its name, and asks zed as well as the server.
func TestEveryAcceptanceRowIsAskedOfZed(t *testing.T) {
	t.Parallel()
	askZed := map[string]bool{}
	for name, test := range testsIn(t, filepath.Join("..", "integration")) {
		ast.Inspect(test, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && (call.Sel.Name == "bothSay" || call.Sel.Name == "zedReads" || call.Sel.Name == "zedAllows") {
				for row := range strings.SplitSeq(strings.TrimPrefix(name, "Test"), "_") {
					askZed[row] = true
				}
			}
			return true
		})
	}
	for _, row := range acceptanceRows() {
		assert.True(t, askZed[strings.ReplaceAll(row, "-", "")], "no test of %s asks zed", row)
	}
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| ([\w-]+) \|(.*)\| (.*) \| (.*) \|$`)
	evidence = regexp.MustCompile("`(?:(\\w+): )?(Test\\w+|[\\w]+\\.yaml)[^`]*`")
)

// TestAcceptanceNamesWhatExists holds docs/acceptance.md against the tests.
func TestAcceptanceNamesWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "acceptance.md"))
	require.NoError(t, err)
	met := map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		name, status, shown := row[1], row[3], row[4]
		if name == "row" {
			continue
		}
		met[name] = strings.HasPrefix(status, "**met**")
		where := ""
		for _, found := range evidence.FindAllStringSubmatch(shown, -1) {
			if found[1] != "" {
				where = found[1]
			}
			switch {
			case strings.HasSuffix(found[2], ".yaml"):
				assert.FileExists(t, filepath.Join("..", "schema", "validations", found[2]), name)
			case where == "integration":
				assert.Contains(t, testsIn(t, filepath.Join("..", "integration")), found[2], name)
			default:
				assert.Contains(t, testsIn(t, where), found[2], name)
			}
		}
		assert.NotEmpty(t, evidence.FindString(shown), name)
	}
	for _, row := range acceptanceRows() {
		assert.True(t, met[row], "%s is not met", row)
	}
}

// testsIn lists the tests of a folder by name.
func testsIn(t *testing.T, folder string) map[string]*ast.FuncDecl {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	tests := map[string]*ast.FuncDecl{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = f
			}
		}
	}
	return tests
}
