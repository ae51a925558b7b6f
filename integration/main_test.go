// Package integration builds the gatehouse binary and runs it as people do. It
// sees what they see: HTTP, SpiceDB's own gRPC API and the command line.
package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	gatehouse string  // the binary under test
	zed       string  // SpiceDB's own command line
	shared    *server // for every test that minds neither company nor leftovers
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "gatehouse-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if zed, err = findZed(); err != nil {
		return 0, err
	}
	if gatehouse, err = find(dir); err != nil {
		return 0, err
	}
	if shared, err = serve(filepath.Join(dir, "data"), "--dev"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	return m.Run(), nil
}

// find finds the server under test, or builds it.
func find(dir string) (string, error) {
	if named := os.Getenv("SERVER_BIN"); named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(dir, "gatehouse")
	return path, compile(path)
}

// compile builds a server, with the race detector if the tests run under it.
func compile(path string, tags ...string) error {
	command := exec.Command("go", "build", fmt.Sprintf("-race=%t", underRace), "-tags", strings.Join(tags, ","), "-o", path, "../cmd/gatehouse")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return nil
}

func findZed() (string, error) {
	path := os.Getenv("ZED_BIN")
	if path == "" {
		path = filepath.Join("..", "bin", "zed")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is missing: run `make zed`, or name the binary in ZED_BIN", path)
	}
	return filepath.Abs(path)
}
