package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/server"
)

func settings(t testing.TB) config.Config {
	return config.Config{
		Stores: config.Stores{DataDir: t.TempDir()}, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", GRPCKey: "a-preshared-key-of-length",
		PublicURL: "http://gatehouse.example", MailFrom: "gatehouse@example.org", Dev: true, Limits: config.DefaultLimits,
	}
}

// TestNothingIsLeftRunning starts and stops a server and looks for goroutines.
func TestNothingIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := server.New(t.Context(), settings(t), slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	response, err := http.Get(s.URL + "/readyz")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode, "%s", body)

	var ready struct{ Parts map[string]string }
	require.NoError(t, json.Unmarshal(body, &ready))
	assert.Equal(t, map[string]string{"spicedb": "ok", "directory": "ok", "cache": "ok"}, ready.Parts)

	begun := time.Now()
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, s.Close())
	assert.Less(t, time.Since(begun), 10*time.Second)
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func TestAddressInUseIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	before := goleak.IgnoreCurrent()

	c := settings(t)
	c.HTTPAddr = taken.Addr().String()
	_, err = server.New(t.Context(), c, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "listen on http-addr")

	c = settings(t)
	c.GRPCAddr = taken.Addr().String()
	_, err = server.New(t.Context(), c, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "address already in use")
	goleak.VerifyNone(t, before)
}
