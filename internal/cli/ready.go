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
	"github.com/gatehouse/gatehouse/internal/server"
)

// readyTime is how long a server may take to say so.
const readyTime = 5 * time.Second

// ready is for whoever runs containers and has no other program in them to ask with.
func ready() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use: "ready", Short: "Ask the server on this machine whether it can serve; fail if not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			listens, err := config.LoadListener(c.Flags(), file)
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
	command.Flags().StringVar(&file, "config", "", "file with the server's settings, in YAML")
	return command
}

func askReady(ctx context.Context, l config.Listener) (said string, err error) {
	if _, _, err := net.SplitHostPort(l.HTTPAddr); err != nil {
		return "", fmt.Errorf("http-addr must be host:port, not %q", l.HTTPAddr)
	}
	url := "http://"
	if l.CertFile != "" {
		url = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+server.Reachable(l.HTTPAddr)+"/readyz", nil)
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
