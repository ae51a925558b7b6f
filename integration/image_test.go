package integration

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// image is what the Dockerfile says of the last stage, by instruction.
type image map[string]string

func readDockerfile(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	i := image{}
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if instruction == "RUN" && strings.Contains(rest, "go build") {
			instruction = "BUILD"
		}
		i[instruction] = rest
	}
	return i
}

// words are those of an instruction that is a list in JSON.
func (i image) words(t *testing.T, instruction string) (words []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(i[instruction][strings.Index(i[instruction], "["):]), &words))
	return words
}

// TestTheImage builds the program as the Dockerfile does and runs it as the image would:
// alone in a root that cannot be written to, as a user without a name, with its data
// beside it. Whoever is not root cannot become another, and runs it as they are.
func TestTheImage(t *testing.T) {
	t.Parallel()
	i, root := readDockerfile(t), t.TempDir()
	program := filepath.Join(root, "gatehouse")
	build := exec.Command("sh", "-c", strings.Replace(i["BUILD"], "/out/gatehouse", program, 1))
	build.Dir = ".."
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	file, err := elf.Open(program)
	require.NoError(t, err)
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries, "there are none in the image")
	require.NoError(t, file.Close())

	user, group, _ := strings.Cut(i["USER"], ":")
	uid, err := strconv.ParseUint(user, 10, 32)
	require.NoError(t, err, "Kubernetes believes in numbers only")
	require.NotZero(t, uid)
	gid, err := strconv.ParseUint(group, 10, 32)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(root, "data"), 0o755))
	variables := strings.Fields(i["ENV"])
	require.Contains(t, variables, "GATEHOUSE_DATA_DIR=/data")
	var whom *syscall.SysProcAttr
	dir := root
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(filepath.Join(root, "data"), int(uid), int(gid)))
		whom = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		dir, program = "/", "/gatehouse"
	} else {
		variables = append(variables, "GATEHOUSE_DATA_DIR="+filepath.Join(root, "data"))
	}
	require.NoError(t, os.Chmod(root, 0o555))
	t.Cleanup(func() { require.NoError(t, os.Chmod(root, 0o755)) })
	address := freeAddress()
	variables = append(variables, "GATEHOUSE_HTTP_ADDR="+address)

	p, err := launchAs(whom, dir, append(variables, "GATEHOUSE_GRPC_ADDR=", "GATEHOUSE_OIDC_ISSUERS=https://login.invalid=gatehouse", "GATEHOUSE_TIME_ZONE=Europe/Zurich"),
		program, i.words(t, "CMD")...)
	require.NoError(t, err)
	s := &server{process: p}
	require.NoError(t, s.awaitReady(), "%s", &p.stderr)
	healthy := func() int {
		t.Helper()
		command := i.words(t, "HEALTHCHECK")
		require.Equal(t, "/gatehouse", command[0])
		asks, err := launchAs(whom, dir, variables, program, command[1:]...)
		require.NoError(t, err)
		<-asks.exited
		return asks.command.ProcessState.ExitCode()
	}
	assert.Equal(t, 0, healthy())
	require.NoError(t, p.stop())
	assert.Equal(t, 1, healthy())

	require.FileExists(t, filepath.Join(root, "data", "gatehouse.db"))
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(root, path); !strings.HasPrefix(name, "data") && name != "." && name != "gatehouse" {
			t.Errorf("%s was written to", name)
		}
		return err
	}))
}

// TestReadySaysWhetherTheServerIs, also over TLS and on all addresses.
func TestReadySaysWhetherTheServerIs(t *testing.T) {
	t.Parallel()
	_, port, _ := strings.Cut(strings.TrimPrefix(shared.url, "http://"), ":")
	for _, host := range []string{"127.0.0.1:", "0.0.0.0:", ":", "[::]:"} {
		said, err := say(t.Context(), "", gatehouse, "ready", "--http-addr", host+port)
		require.NoError(t, err)
		assert.Contains(t, said, `"directory":"ok"`)
	}
	a := newAuthority(t)
	s := a.startTLS(t)
	flags := []string{"ready", "--http-addr", strings.TrimPrefix(s.url, "https://"), "--tls-cert-file", a.path("cert.pem")}
	_, err := say(t.Context(), "", gatehouse, flags...)
	require.NoError(t, err)
	_, err = say(t.Context(), "", gatehouse, flags[:3]...)
	require.ErrorContains(t, err, "not ready", "without TLS there is no answer but that there must be")
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("dev: true\nhttp-addr: "+flags[2]+"\ntls-cert-file: "+flags[4]+"\n"), 0o600))
	_, err = say(t.Context(), "", gatehouse, "ready", "--config", file)
	require.NoError(t, err)
	require.NoError(t, s.stop())
	_, err = say(t.Context(), "", gatehouse, flags...)
	require.ErrorContains(t, err, "refused")
}
