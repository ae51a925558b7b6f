// Package redistest runs a Redis of a test's own: the real program, on a port of this
// machine, in a folder that is gone afterwards.
package redistest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
)

// Server is a Redis, running or not.
type Server struct {
	t       testing.TB
	port    string
	folder  string
	options []string
	watches string // what it says as a Sentinel; empty if it is none
	process *exec.Cmd

	password string // without which it says nothing; empty if it minds nobody
	trusting *tls.Config
}

// Start runs a Redis until the test ends. Options are those of redis-server, such as
// --maxmemory 2mb.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	return run(t, &Server{t: t, folder: t.TempDir(), options: options})
}

// StartSecured runs one that is reached over TLS alone, with the certificate of the
// files, and by those alone who know the password.
func StartSecured(t testing.TB, certFile, keyFile string, trusting *tls.Config, password string) *Server {
	t.Helper()
	return run(t, &Server{t: t, folder: t.TempDir(), password: password, trusting: trusting, options: []string{
		"--requirepass", password, "--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-auth-clients", "no",
	}})
}

func run(t testing.TB, s *Server) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing: run `make redis`, which installs it")
	}
	t.Cleanup(func() {
		if s.process != nil {
			s.Kill()
		}
	})
	// Another may take the port between finding and using it.
	for range 3 {
		s.port = freePort(t)
		if s.start() {
			return s
		}
	}
	log, _ := os.ReadFile(s.folder + "/log")
	t.Fatalf("Redis does not start:\n%s", log)
	return nil
}

func (s *Server) start() bool {
	ports := []string{"--port", s.port}
	if s.trusting != nil {
		ports = []string{"--port", "0", "--tls-port", s.port}
	}
	s.process = exec.Command("redis-server", append(append(s.role(), ports...), append([]string{
		"--bind", "127.0.0.1", "--dir", s.folder, "--logfile", s.folder + "/log",
	}, s.options...)...)...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 200 {
		if said, err := s.ask("PING"); err == nil && said == "+PONG" {
			return true
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.Kill()
	return false
}

// role are the arguments that make it a server or a Sentinel.
func (s *Server) role() []string {
	if s.watches == "" {
		return []string{"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}
	}
	file := s.folder + "/sentinel.conf" // which it rewrites as it learns
	if err := os.WriteFile(file, []byte(s.watches), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return []string{file, "--sentinel"}
}

// Address is where it listens.
func (s *Server) Address() string { return "127.0.0.1:" + s.port }

// Config is how a store finds it.
func (s *Server) Config() config.Redis { return config.Redis{Addrs: []string{s.Address()}} }

// Kill ends it as a failing machine would: nothing is kept.
func (s *Server) Kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // it was killed, and says so
	s.process = nil
}

// Restart runs it again, at the address it had and empty.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatal("Redis does not start again")
	}
}

// Pause lets it hang, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal os.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// Do sends a command and returns the first line of the answer, with the character
// before it that tells its kind, or the text if it is one.
func (s *Server) Do(words ...string) string {
	s.t.Helper()
	said, err := s.ask(words...)
	if err != nil || strings.HasPrefix(said, "-") {
		s.t.Fatalf("%v: %s %v", words, said, err)
	}
	return said
}

func (s *Server) ask(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Address(), time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if s.trusting != nil {
		config := s.trusting.Clone()
		config.ServerName, _, _ = net.SplitHostPort(s.Address())
		conn = tls.Client(conn, config)
	}
	answer := bufio.NewReader(conn)
	if s.password != "" {
		if _, err := fmt.Fprintf(conn, "AUTH %s\r\n", s.password); err != nil {
			return "", err
		}
		if said, err := answer.ReadString('\n'); err != nil || said != "+OK\r\n" {
			return said, err
		}
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", strings.Join(words, " ")); err != nil {
		return "", err
	}
	said, err := answer.ReadString('\n')
	said = strings.TrimSpace(said)
	if size, isText := strings.CutPrefix(said, "$"); isText && err == nil {
		n, _ := strconv.Atoi(size) // -1: there is none
		text := make([]byte, max(n, 0))
		_, err = io.ReadFull(answer, text)
		return string(text), err
	}
	return said, err
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
