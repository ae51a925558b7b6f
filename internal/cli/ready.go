package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/config"
)

// readyTime is how long a server may take to say so.
const readyTime = 5 * time.Second

// ready is for whoever runs containers and has no other program in them to ask with.
func ready() *cobra.Command {
	command := &cobra.Command{
		Use: "ready", Short: "Ask the server on this machine whether it can serve; fail if not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			listens, err := config.LoadListener(c.Flags())
			if err != nil {
				return err
			}
			said, err := askReady(c.Context(), listens)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), said)
			return err
		},
	}
	config.ListenerFlags(command.Flags())
	return command
}

func askReady(ctx context.Context, l config.Listener) (said string, err error) {
	host, port, err := net.SplitHostPort(l.HTTPAddr)
	if err != nil {
		return "", fmt.Errorf("http-addr must be host:port, not %q", l.HTTPAddr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	url := "http://"
	if l.CertFile != "" {
		url = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return "", err
	}
	// The certificate is for the name by which others reach the server. Nothing is sent.
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return "", err
	}
	said = strings.TrimSpace(string(body))
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("not ready: %s", said)
	}
	return said, nil
}
