package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// server is a gatehouse that runs and is ready.
type server struct {
	*process
	dataDir string
	devKey  string           // signs the tokens; empty if it is in the data directory
	url     string           // of the HTTP API
	grpc    string           // address of SpiceDB's own API
	key     string           // that opens it
	conn    *grpc.ClientConn // to it
	client  *http.Client
	tokens  sync.Map // by the flags they were made with
	program
}

// program is a binary and the variables it runs with.
type program struct {
	binary    string
	variables []string
}

// start runs a server of the test's own, with dev tokens and whatever else is given.
func start(t *testing.T, flags ...string) *server {
	t.Helper()

	s, err := serve(filepath.Join(t.TempDir(), "data"), append([]string{"--dev"}, flags...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

// again runs a server on the data and at the addresses of one that has ended.
func (s *server) again(t *testing.T, flags ...string) *server {
	t.Helper()

	next, err := s.serve(s.dataDir, append([]string{
		"--dev", "--http-addr", strings.TrimPrefix(s.url, "http://"), "--grpc-addr", s.grpc,
	}, flags...)...)
	require.NoError(t, err)
	s.tokens.Range(func(flags, token any) bool {
		next.tokens.Store(flags, token) // its keys are in the data
		return true
	})
	t.Cleanup(func() { require.NoError(t, next.stop()) })
	return next
}

// readyTime is how long a server may take to become ready on a busy machine.
const readyTime = time.Minute

var readyLine = regexp.MustCompile(`msg=ready http=(\S+) grpc="?([^\s"]*)"?`)

// unlimited lets a few people do, from one address and in no time, what many do
// elsewhere in days. Flags that are given to a server come later, and win.
var unlimited = []string{"--limit-requests=0", "--limit-failures=0", "--limit-invitations=0", "--limit-mailbox=0"}

// serve starts a server and returns when it says that it is ready.
func serve(dataDir string, flags ...string) (*server, error) {
	return program{binary: gatehouse}.serve(dataDir, flags...)
}

func (p program) serve(dataDir string, flags ...string) (*server, error) {
	started, err := launch("", p.variables, p.binary, append(append([]string{
		"serve", "--data-dir", dataDir, "--http-addr", freeAddress(), "--grpc-addr", freeAddress(),
	}, unlimited...), flags...)...)
	if err != nil {
		return nil, err
	}
	s := &server{process: started, program: p, dataDir: dataDir, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Timeout:   time.Minute,
	}}
	if err := s.awaitReady(); err != nil {
		_ = s.command.Process.Kill()
		<-s.exited
		return nil, fmt.Errorf("%w:\n%s", err, &s.stderr)
	}
	key, _ := os.ReadFile(filepath.Join(dataDir, "grpc-key")) // only in dev mode
	s.key = strings.TrimSpace(string(key))
	s.conn, err = grpc.NewClient(s.grpc,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(preshared(s.key)))
	return s, err
}

// preshared presents a key with every call.
type preshared string

func (p preshared) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(p)}, nil
}

func (preshared) RequireTransportSecurity() bool { return false }

func (s *server) awaitReady() error {
	deadline := time.After(readyTime)
	for {
		if said := readyLine.FindStringSubmatch(s.stderr.String()); said != nil {
			s.url, s.grpc = said[1], said[2]
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("exit code %d before it was ready", s.command.ProcessState.ExitCode())
		case <-deadline:
			return fmt.Errorf("not ready within %s", readyTime)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// freeAddress names a port of this machine that nobody listens on. It lies below
// those the kernel hands out, so that no connection takes it before the server does.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(20_000))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
}

// await polls until what is awaited holds, and fails if it never does.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()

	require.Eventually(t, holds, 3*time.Minute, 5*time.Millisecond, what)
}
