package integration

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShutdownUnderLoad stops the server amid writes of many clients. Every answer
// is whole, and what was acknowledged was committed: somebody who watches the
// relationships has seen it. Whoever came too late was not let in.
func TestShutdownUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "load")
	admin := w.admin(t, "partner")
	watched := s.watch(t)
	const clients = 16

	var acknowledged sync.Map // ids
	var writes atomic.Int64
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("load-%d-%d", client, n)
				path, body := w.path("client")+"/projects", object{"id": name, "name": name}
				if client%2 == 1 {
					path, body = w.path("project")+"/members", named(w.email(name))
				}
				a, err := admin.try(http.MethodPost, path, body)
				if err != nil {
					assert.True(t, turnedAway(err), "%v", err)
					return
				}
				var written struct{ Object, User struct{ ID string } }
				assert.Equal(t, http.StatusCreated, a.status, "%s", a.body)
				assert.NoError(t, json.Unmarshal(a.body, &written))
				acknowledged.Store(cmp.Or(written.Object.ID, written.User.ID), true)
				writes.Add(1)
			}
		})
	}
	await(t, "load", func() bool { return writes.Load() > 4*clients })
	require.NoError(t, s.stop())
	running.Wait()

	seen := watched()
	acknowledged.Range(func(id, _ any) bool {
		assert.True(t, seen[id.(string)], "%v was acknowledged, and never committed", id)
		return true
	})
	assert.GreaterOrEqual(t, int64(len(seen)), writes.Load())
	assertFree(t, s)
}

// turnedAway tells the end of a connection before an answer, or before the
// connection itself, from one in the middle of an answer.
func turnedAway(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || strings.HasSuffix(err.Error(), "server closed idle connection")
}

// watch follows the relationships from now on. What it returns awaits the end of
// the stream, and tells which projects and members of projects came to be.
func (s *server) watch(t *testing.T) func() map[string]bool {
	t.Helper()

	written, err := v1.NewPermissionsServiceClient(s.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{})
	require.NoError(t, err)
	stream, err := v1.NewWatchServiceClient(s.conn).Watch(t.Context(), &v1.WatchRequest{OptionalStartCursor: written.GetWrittenAt()})
	require.NoError(t, err)
	seen, ended := map[string]bool{}, make(chan struct{})
	go func() {
		defer close(ended)
		for {
			change, err := stream.Recv()
			if err != nil {
				return
			}
			for _, u := range change.GetUpdates() {
				switch r := u.GetRelationship(); r.GetRelation() {
				case "client":
					seen[r.GetResource().GetObjectId()] = true
				case "member":
					seen[r.GetSubject().GetObject().GetObjectId()] = true
				}
			}
		}
	}()
	return func() map[string]bool {
		<-ended
		return seen
	}
}

// TestRequestsUnderWayAreAnswered stops the server while it waits for the rest of
// a body. The request is carried out, and its answer arrives.
func TestRequestsUnderWayAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t)
	slow := beginRequest(t, s)

	require.NoError(t, s.command.Process.Signal(syscall.SIGTERM))
	await(t, "the server to stop listening", func() bool { return !listening(s.url) })
	slow.finish(t)
	response := slow.response(t)
	assert.Equal(t, http.StatusCreated, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "slow", answer{body: body}.text(t, "object", "id"))
	require.NoError(t, s.exit())
}

// TestStalledRequestsDoNotHoldTheServerUp stops the server while somebody keeps it
// waiting, over HTTP and at SpiceDB's own API. It ends in time all the same.
func TestStalledRequestsDoNotHoldTheServerUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	beginRequest(t, s)
	s.watch(t)
	idle, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer idle.Close()

	require.NoError(t, s.stop())
	assertFree(t, s)
}

// TestSignals are what an operator, a terminal or a supervisor sends, maybe in a hurry.
func TestSignals(t *testing.T) {
	t.Parallel()

	for name, signals := range map[string][]os.Signal{
		"terminate":       {syscall.SIGTERM},
		"interrupt":       {os.Interrupt},
		"terminate twice": {syscall.SIGTERM, syscall.SIGTERM},
		"one by one":      {os.Interrupt, syscall.SIGTERM, os.Interrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)

			for _, signal := range signals {
				require.NoError(t, s.command.Process.Signal(signal))
			}
			require.NoError(t, s.exit())
			assert.Contains(t, s.stderr.String(), "msg=stopped")
			assertFree(t, s)
		})
	}
}

// TestStoppedWhileItStarts ends as well as any other time. The first thing a server
// leaves behind is its preshared key.
func TestStoppedWhileItStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	p, err := launch(dir, nil, gatehouse, "serve", "--dev", "--demo", "--http-addr", "127.0.0.1:0", "--grpc-addr", freeAddress())
	require.NoError(t, err)
	await(t, "the first trace of a server", func() bool {
		_, err := os.Stat(filepath.Join(dir, "data", "grpc-key"))
		return err == nil
	})
	require.NoError(t, p.stop())
	assert.NotContains(t, p.stderr.String(), "msg=ready")
}

// unfinished is a request of which the server has the head, and waits for the body.
type unfinished struct {
	conn  net.Conn
	reads *bufio.Reader
	body  string
}

func beginRequest(t *testing.T, s *server) unfinished {
	t.Helper()

	token := s.operator(t).token
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	u := unfinished{conn, bufio.NewReader(conn), `{"id":"slow","name":"A"}`}
	_, err = fmt.Fprintf(conn, "POST /v1/partners HTTP/1.1\r\nHost: gatehouse\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", token, len(u.body))
	require.NoError(t, err)
	assert.Equal(t, http.StatusContinue, u.response(t).StatusCode, "the server reads the body")
	return u
}

func (u unfinished) finish(t *testing.T) {
	t.Helper()

	_, err := io.WriteString(u.conn, u.body)
	require.NoError(t, err)
}

func (u unfinished) response(t *testing.T) *http.Response {
	t.Helper()

	response, err := http.ReadResponse(u.reads, nil)
	require.NoError(t, err)
	return response
}

func listening(url string) bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// assertFree takes the ports of a server that has ended.
func assertFree(t *testing.T, s *server) {
	t.Helper()

	for _, address := range []string{strings.TrimPrefix(s.url, "http://"), s.grpc} {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if assert.NoError(t, err) {
			_ = listener.Close()
		}
	}
}
