package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/server"
	"github.com/gatehouse/gatehouse/internal/transfer"
)

func exportCommand() *cobra.Command {
	return transferCommand("export FILE", "Write everything to a file, as it is at one moment, of a server that may be running",
		func(ctx context.Context, c config.Stores, path string) (*server.Stores, error) {
			return server.OpenSnapshot(ctx, c, filepath.Dir(path))
		}, exportTo)
}

func importCommand() *cobra.Command {
	return transferCommand("import FILE", "Fill an empty server with everything from a file",
		func(ctx context.Context, c config.Stores, _ string) (*server.Stores, error) {
			return server.OpenStores(ctx, c)
		}, importFrom)
}

// transferCommand opens the stores, carries out what the command is for, and says
// how it goes and what came of it.
func transferCommand(
	use, short string,
	open func(ctx context.Context, c config.Stores, path string) (*server.Stores, error),
	carryOut func(ctx context.Context, s *server.Stores, path string, heard transfer.Progress) (transfer.Summary, error),
) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			settings, err := config.LoadStores(c.Flags())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			stores, err := open(ctx, settings, args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stores.Close()) }()
			found, err := carryOut(ctx, stores, args[0], report(c.ErrOrStderr()))
			if err != nil {
				return err
			}
			return tell(c.OutOrStdout(), found)
		},
	}
	config.StoresFlags(command.Flags())
	return command
}

// exportTo writes a new file, which only its owner may read: it holds personal data.
// It leaves none behind that is not whole.
func exportTo(ctx context.Context, s *server.Stores, path string, heard transfer.Progress) (_ transfer.Summary, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return transfer.Summary{}, err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	found, err := transfer.Export(ctx, file, s.Relationships, s.Directory, s.Audit, time.Now, heard)
	if err != nil {
		return transfer.Summary{}, err
	}
	return found, file.Sync()
}

func importFrom(ctx context.Context, s *server.Stores, path string, heard transfer.Progress) (_ transfer.Summary, err error) {
	file, err := os.Open(path)
	if err != nil {
		return transfer.Summary{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return transfer.Import(ctx, file, s.Relationships, s.Directory, s.Audit, heard)
}

// report tells once a second how far a transfer has come.
func report(to io.Writer) transfer.Progress {
	told := time.Now()
	return func(done, total int) {
		if time.Since(told) < time.Second {
			return
		}
		told = time.Now()
		if total > 0 {
			_, _ = fmt.Fprintf(to, "%d of %d records\n", done, total)
			return
		}
		_, _ = fmt.Fprintf(to, "%d records read\n", done)
	}
}

func tell(to io.Writer, s transfer.Summary) error {
	if _, err := fmt.Fprintf(to, "snapshot of %s\n", s.TakenAt.Format(time.RFC3339)); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Records)) {
		if _, err := fmt.Fprintf(to, "%8d %s\n", s.Records[kind], kind); err != nil {
			return err
		}
	}
	return nil
}
