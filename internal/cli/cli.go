// Package cli is the command line.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/schema"
)

// Run carries out a command line and returns the process's exit code.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := commands()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(errOut, "gatehouse: %v\n", err)
		if errors.Is(err, errCannotRun) {
			return 2
		}
		return 1
	}
	return 0
}

func commands() *cobra.Command {
	root := &cobra.Command{
		Use:           "gatehouse",
		Short:         "A relationship-based authorization server",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serve(), ready(), backup(), restore(), exportCommand(), importCommand(), auditCommand(), doctorCommand(), token(), app(), printSchema(), version())
	return root
}

func printSchema() *cobra.Command {
	parent := &cobra.Command{Use: "schema", Short: "The schema that permissions follow from"}
	parent.AddCommand(&cobra.Command{
		Use: "print", Short: "Print it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), schema.Text)
			return err
		},
	})
	return parent
}

func version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what was built into this program", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			build, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintf(c.OutOrStdout(), "gatehouse %s %s\n", build.Main.Version, build.GoVersion)
			for _, module := range build.Deps {
				if err == nil && module.Path == "github.com/authzed/spicedb" {
					_, err = fmt.Fprintf(c.OutOrStdout(), "spicedb %s\n", module.Version)
				}
			}
			return err
		},
	}
}
