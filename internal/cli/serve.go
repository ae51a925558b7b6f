package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/authn"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/demo"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/server"
)

// gcPercent lets garbage grow to four times what is in use before it is collected: checks make
// much of it beside little that stays. GOGC overrides it.
const gcPercent = 400

func serve() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use: "serve", Short: "Run the server", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := config.Load(c.Flags(), file)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(gcPercent)
			}
			return run(ctx, settings, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	config.Flags(command.Flags())
	command.Flags().StringVar(&file, "config", "", "file with settings, in YAML")
	return command
}

func run(ctx context.Context, c config.Config, out, errOut io.Writer) (err error) {
	log := logger(c, errOut)
	slog.SetDefault(log)
	if c.Dev && c.SpiceDBEndpoint == "" && c.GRPCKey == "" {
		if c.GRPCKey, err = devKey(c.DataDir); err != nil {
			return err
		}
	}
	s, err := server.New(ctx, c, log)
	if ctx.Err() != nil {
		log.Info("stopped before it was ready")
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, s.Close()); err == nil {
			log.Info("stopped")
		}
	}()
	if c.Demo {
		if err := demo.Load(ctx, s.Operations); err != nil && ctx.Err() == nil {
			return fmt.Errorf("load the demo: %w", err)
		}
	}
	if c.InMemory {
		log.Warn("in-memory: people and relationships are gone when the server stops")
	}
	log.Info("ready", "http", s.URL, "grpc", c.GRPCAddr, "data", c.DataFile(), "dev", c.Dev)
	if c.Demo {
		if err := guide(out, s.URL, c); err != nil {
			return err
		}
	}
	return s.Run(ctx)
}

// guide hands a newcomer the token of a demo admin and commands to try it with.
func guide(out io.Writer, url string, c config.Config) error {
	issuer, err := authn.OpenDevIssuer(c.DevKey(), false, time.Now)
	if err != nil {
		return err
	}
	admin, err := email.Parse(demo.Admin)
	if err != nil {
		return err
	}
	token, err := issuer.Token(admin, false)
	if err != nil {
		return err
	}
	plain := !c.TLS.On()
	if c.SpiceDBEndpoint != "" {
		plain = c.Plaintext()
	}
	return demo.Guide(out, url, token, cmp.Or(c.GRPCAddr, c.SpiceDBEndpoint), cmp.Or(c.GRPCKey, c.SpiceDBKey), plain)
}

func logger(c config.Config, to io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // validated
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// devKey finds the preshared key that dev mode made up for zed, or makes it up.
func devKey(dataDir string) (string, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", fmt.Errorf("make the data directory: %w", err)
	}
	path := filepath.Join(dataDir, "grpc-key")
	kept, err := os.ReadFile(path)
	if err == nil && len(bytes.TrimSpace(kept)) == 0 {
		return "", fmt.Errorf("%s is empty: delete it to have a new key made", path)
	}
	if err == nil {
		return string(bytes.TrimSpace(kept)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the dev preshared key: %w", err)
	}
	key := rand.Text()
	return key, os.WriteFile(path, []byte(key+"\n"), 0o600)
}
