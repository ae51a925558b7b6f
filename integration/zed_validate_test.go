package integration

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestZedValidatesTheSchema runs every validation file through zed, the tool an operator has at hand, and takes its
// warnings for errors.
func TestZedValidatesTheSchema(t *testing.T) {
	zed := os.Getenv("GATEHOUSE_ZED")
	if zed == "" {
		zed = filepath.Join("..", "bin", "zed")
	}
	if _, err := os.Stat(zed); errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is missing: run `make zed`, or name the binary in GATEHOUSE_ZED", zed)
	} else if err != nil {
		t.Fatal(err)
	}

	files, err := filepath.Glob(filepath.Join("..", "schema", "validations", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("found no validation file")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			output, err := exec.CommandContext(t.Context(), zed, "validate", "--fail-on-warn", file).CombinedOutput()
			if err != nil {
				t.Errorf("zed validate %s: %v\n%s", file, err, output)
			}
		})
	}
}
