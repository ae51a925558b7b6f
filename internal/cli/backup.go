package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/server"
)

func backup() *cobra.Command {
	return copyCommand("backup FILE", "Copy the data of a server, which may be running, to a new file", server.Backup)
}

func restore() *cobra.Command {
	return copyCommand("restore FILE", "Make the data of a new server from a backup", server.Restore)
}

func copyCommand(
	use, short string, carryOut func(ctx context.Context, c config.Stores, file string, heard func(bytes int64)) (bytes int64, err error),
) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			settings, err := config.LoadStores(c.Flags())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			begun := time.Now()
			bytes, err := carryOut(ctx, settings, args[0], func(bytes int64) {
				_, _ = fmt.Fprintf(c.ErrOrStderr(), "%d MB copied\n", bytes>>20)
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "copied %d bytes in %s\n", bytes, time.Since(begun).Round(time.Millisecond))
			return err
		},
	}
	config.DataDirFlag(command.Flags())
	return command
}
