package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/doctor"
)

// errCannotRun is an examination that did not take place; its exit code is 2.
var errCannotRun = errors.New("nothing was examined")

func doctorCommand() *cobra.Command {
	var file string
	var asJSON bool
	command := &cobra.Command{
		Use: "doctor", Short: "Examine what a server with these settings runs on, and change nothing", Long: "Examine what a server with these settings runs on, and change nothing.\n\n" +
			"The exit code is 0 if all is well, also with warnings, 1 if there is a problem, and 2 if nothing could be examined.",
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.NoArgs(c, args); err != nil {
				return fmt.Errorf("%w: %w", errCannotRun, err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := config.Load(c.Flags(), file)
			if err != nil {
				return fmt.Errorf("%w: %w", errCannotRun, err)
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			report := doctor.Examine(ctx, settings, config.File(file), time.Now)
			if ctx.Err() != nil {
				return fmt.Errorf("%w: interrupted", errCannotRun)
			}
			show := showReport
			if asJSON {
				show = encodeReport
			}
			if err := show(c.OutOrStdout(), report); err != nil {
				return fmt.Errorf("%w: %w", errCannotRun, err)
			}
			if n := report.Count(doctor.Problem); n > 0 {
				return fmt.Errorf("problems: %d", n)
			}
			return nil
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errCannotRun, err) })
	config.Flags(command.Flags())
	config.BeneathFlags(command.Flags())
	command.Flags().StringVar(&file, "config", "", "file with settings, in YAML")
	command.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return command
}

func encodeReport(to io.Writer, r doctor.Report) error {
	r.Findings = append([]doctor.Finding{}, r.Findings...) // none are [], not null
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

func showReport(to io.Writer, r doctor.Report) error {
	var text strings.Builder
	fmt.Fprintf(&text, "examined: %s\n", strings.Join(r.Parts, ", "))
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "\n%s, %s: %s\n    cure: %s\n", strings.ToUpper(string(f.Severity)), f.Part, f.What, f.Cure)
	}
	if len(r.Findings) == 0 {
		text.WriteString("all is well\n")
	} else {
		fmt.Fprintf(&text, "\nproblems: %d, warnings: %d, unexamined: %d\n",
			r.Count(doctor.Problem), r.Count(doctor.Warning), r.Count(doctor.Unexamined))
	}
	_, err := io.WriteString(to, text.String())
	return err
}
