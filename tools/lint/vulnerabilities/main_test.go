package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded is what govulncheck 1.1.4 printed of a program that calls one vulnerable
// function, and imports the package of another.
func recorded(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "govulncheck.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatIsCalledMustBeExplained(t *testing.T) {
	whole := recorded(t)
	unharmed := strings.NewReplacer(`"function": "Parse",`, "").Replace(whole)
	for name, c := range map[string]struct {
		found, explanations string
		fails, says         string
	}{
		"not explained":              {whole, "# None\n", "1 not explained", "GO-2021-0113: Out-of-bounds read in golang.org/x/text/language: golang.org/x/text/language.Parse of v0.3.5 is called, fixed in v0.3.7"},
		"explained":                  {whole, "# Some\n\n- GO-2021-0113: tags come from operators\n", "", "GO-2021-0113: Out-of-bounds read in golang.org/x/text/language; explained: tags come from operators"},
		"explained by nothing":       {whole, "- GO-2021-0113:\n\n- GO-2020-0015: other\n", "1 not explained", ""},
		"another explained":          {whole, "- GO-2020-0015: it is not called\n", "1 not explained", "GO-2020-0015 is explained, and not found any more"},
		"imported, and not called":   {unharmed, "", "", "none that is not explained, as of 2024-05-20T16:03:47Z"},
		"nothing":                    {"", "", "no database", ""},
		"cut off":                    {whole[:len(whole)/2], "", "read what govulncheck found", ""},
		"words":                      {"No vulnerabilities found.\n", "", "read what govulncheck found", ""},
		"of packages, not functions": {strings.ReplaceAll(whole, `"scan_level": "symbol"`, `"scan_level": "package"`), "", "at each package", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "vulnerabilities.md")
			if err := os.WriteFile(file, []byte(c.explanations), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := run(strings.NewReader(c.found), file, &out)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("fails with %v, not %q", err, c.fails)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("says %q, not %q", out.String(), c.says)
			}
		})
	}
	if err := run(strings.NewReader(whole), "none-such.md", new(bytes.Buffer)); err == nil {
		t.Error("passes without a file of explanations")
	}
}
