package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/authn"
	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
	"github.com/gatehouse/gatehouse/internal/server"
)

// BenchmarkCachedCheck asks an operator's question, sixteen at a time, over
// connections that stay, beside a handler of bare Gin that reads the same and knows
// the answer. What is allocated is all the servers': who asks allocates nothing.
func BenchmarkCachedCheck(b *testing.B) {
	const body = `{"resource":{"type":"project","id":"demo"},"permission":"view","subject":{"type":"user","id":"ann"}}`
	b.Run("bare Gin", func(b *testing.B) { ask(b, bareGin(b), "none", body) })
	b.Run("in the process", func(b *testing.B) {
		address, token := running(b, "")
		ask(b, address, token, body)
	})
	b.Run("in Redis", func(b *testing.B) {
		address, token := running(b, "redis://"+redistest.Start(b).Address())
		ask(b, address, token, body)
	})
}

// TestCachedChecksAllocateLittle counts what answering one allocates beside a handler
// of bare Gin, which only reads the question and writes an answer.
func TestCachedChecksAllocateLittle(t *testing.T) {
	const body = `{"resource":{"type":"project","id":"demo"},"permission":"view","subject":{"type":"user","id":"ann"}}`
	allocates := func(address, token string) float64 {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		in, request := bufio.NewReader(conn), question(address, token, body)
		ask := func() { require.NoError(t, exchange(conn, in, request)) }
		for range 100 {
			ask()
		}
		return testing.AllocsPerRun(2000, ask)
	}
	least := allocates(bareGin(t), "none")
	for name, redis := range map[string]string{"in the process": "", "in Redis": "redis://" + redistest.Start(t).Address()} {
		t.Run(name, func(t *testing.T) {
			got := allocates(running(t, redis))
			t.Logf("%.0f, bare Gin %.0f", got, least)
			assert.LessOrEqual(t, got, 1.6*least)
		})
	}
}

// running starts a server; the token is an operator's.
func running(b testing.TB, redis string) (address, token string) {
	b.Helper()
	c := settings(b)
	c.RedisURL = redis
	s, err := server.New(b.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		require.NoError(b, <-ended)
		require.NoError(b, s.Close())
	})
	issuer, err := authn.OpenDevIssuer(c.DevKey(), false, time.Now)
	require.NoError(b, err)
	token, err = issuer.Token("olga@example.org", true)
	require.NoError(b, err)
	return strings.TrimPrefix(s.URL, "http://"), token
}

func bareGin(b testing.TB) string {
	b.Helper()
	type reference struct {
		Type string `json:"type" binding:"required"`
		ID   string `json:"id" binding:"required"`
	}
	var asked struct {
		Resource   reference `json:"resource" binding:"required"`
		Permission string    `json:"permission" binding:"required"`
		Subject    reference `json:"subject" binding:"required"`
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/v1/check", func(c *gin.Context) {
		q := asked
		if err := c.ShouldBindJSON(&q); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.JSON(http.StatusOK, struct {
			Allowed   bool   `json:"allowed"`
			CheckedAt string `json:"checked_at"`
			Source    string `json:"source"`
		}{false, strings.Repeat("GmEKEzE3OTUzMDg5", 8), "cache"})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s := &http.Server{Handler: engine}
	go func() { _ = s.Serve(listener) }()
	b.Cleanup(func() { _ = s.Close() })
	return listener.Addr().String()
}

func question(address, token, body string) []byte {
	return fmt.Appendf(nil, "POST /v1/check HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		address, token, len(body), body)
}

func ask(b *testing.B, address, token, body string) {
	request := question(address, token, body)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReader(conn)
		for p.Next() {
			if err := exchange(conn, in, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// exchange sends a request and reads over its answer.
func exchange(conn net.Conn, in *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	line, err := in.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("%s %w", line, err)
	}
	length := 0
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(text)))
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
