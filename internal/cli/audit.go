package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/server"
)

func auditCommand() *cobra.Command {
	parent := &cobra.Command{Use: "audit", Short: "The audit: whether it is as it was recorded, and copies of it"}
	parent.AddCommand(auditVerify(), auditExport(), auditKey())
	return parent
}

// auditFrom makes a command that reads an audit.
func auditFrom(use, short string, carryOut func(ctx context.Context, c *cobra.Command, from config.AuditStore) error) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			from, err := config.LoadAuditStore(c.Flags())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return carryOut(ctx, c, from)
		},
	}
	config.AuditStoreFlags(command.Flags())
	return command
}

// onAudit does something with the audit of a server, which may be running.
func onAudit(ctx context.Context, from config.AuditStore, do func(*server.Audit) error) (err error) {
	a, err := server.OpenAudit(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

func auditVerify() *cobra.Command {
	var file, anchorFile string
	var publicKeys []string
	command := auditFrom("verify", "Find out whether the audit is as it was recorded, and the first place that is not",
		func(ctx context.Context, c *cobra.Command, from config.AuditStore) error {
			trust, err := trusted(publicKeys, from.AuditKey())
			if err != nil {
				return err
			}
			anchor, err := anchored(anchorFile)
			if err != nil {
				return err
			}
			verify := func(lines audit.Lines) error {
				found, err := audit.Verify(ctx, lines, trust, anchor, counted(c.ErrOrStderr()))
				if fault, is := errors.AsType[*audit.Fault](err); is {
					return fmt.Errorf("the audit is not as it was recorded: %w", fault)
				} else if err != nil {
					return err
				}
				return certain(c.OutOrStdout(), found, len(anchor) > 0)
			}
			if file != "" {
				return verify(audit.Exported(func() (io.ReadCloser, error) { return os.Open(file) }))
			}
			return onAudit(ctx, from, func(a *server.Audit) error { return verify(a.Lines(audit.Span{})) })
		})
	command.Flags().StringVar(&file, "file", "", "an export to verify, instead of a server's audit")
	command.Flags().StringSliceVar(&publicKeys, "public-key", nil, "PEM file with keys the server signed with (default: the server's key file)")
	command.Flags().StringVar(&anchorFile, "anchor", "", "file with digests that were kept elsewhere, such as audit-digest-file")
	return command
}

// trusted are the keys that were named, or else the server's own.
func trusted(files []string, own string) (audit.Trust, error) {
	trust := audit.Trust{}
	if len(files) == 0 {
		err := trust.Read(own)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no key at %s: name the server's public key with --public-key, as `gatehouse audit key` prints it", own)
		}
		return trust, err
	}
	for _, file := range files {
		if err := trust.Read(file); err != nil {
			return nil, err
		}
	}
	return trust, nil
}

func anchored(path string) ([]audit.Digest, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return audit.ReadAnchor(file)
}

// certain says what was found to be in order, and what nobody vouches for.
func certain(to io.Writer, v audit.Verified, anchored bool) error {
	say := func(err *error, format string, args ...any) {
		if *err == nil {
			_, *err = fmt.Fprintf(to, format+"\n", args...)
		}
	}
	var err error
	if v.Records == 0 {
		say(&err, "there are no records")
	} else {
		say(&err, "records %d to %d are as they were recorded", v.First, v.Last)
	}
	if !v.DeletedAt.IsZero() {
		say(&err, "those before %d were deleted as too old, last on %s", v.First, v.DeletedAt.Format(time.RFC3339))
	} else if v.Part && v.First > 1 {
		say(&err, "those before %d were left out of the export", v.First)
	}
	if v.Digests == 0 {
		say(&err, "no digest is signed: what was rewritten as a whole, or is missing at the end, does not show")
	} else {
		say(&err, "%d digests are signed, the last on %s, and cover records up to %d", v.Digests, v.SignedAt.Format(time.RFC3339), v.Covered)
		if v.Last > v.Covered {
			say(&err, "%d records are not covered yet: one missing at the end would not show", v.Last-max(v.Covered, v.First-1))
		}
	}
	if anchored {
		say(&err, "the anchor covers records up to %d", v.Anchored)
	}
	return err
}

// counted tells once a second how many records were read.
func counted(to io.Writer) func(records int64) {
	told := time.Now()
	return func(records int64) {
		if time.Since(told) >= time.Second {
			told = time.Now()
			_, _ = fmt.Fprintf(to, "%d records verified\n", records)
		}
	}
}

func auditExport() *cobra.Command {
	var since, until string
	command := auditFrom("export", "Print the audit as JSON lines, with what verifies it",
		func(ctx context.Context, c *cobra.Command, from config.AuditStore) (err error) {
			var span audit.Span
			if span.Since, err = moment("since", since); err != nil {
				return err
			}
			if span.Until, err = moment("until", until); err != nil {
				return err
			}
			return onAudit(ctx, from, func(a *server.Audit) error {
				end, err := audit.Export(ctx, c.OutOrStdout(), a.Lines(span))
				if err == nil {
					_, err = fmt.Fprintf(c.ErrOrStderr(), "%d records, %d digests\n", end.Records, end.Digests)
				}
				return err
			})
		})
	command.Flags().StringVar(&since, "since", "", "leave out what comes before the first record from this time on, as in RFC 3339")
	command.Flags().StringVar(&until, "until", "", "leave out what comes behind the last record before this time")
	return command
}

// moment reads a time of RFC 3339; zero if nothing was said.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--%s must be a time as in RFC 3339, such as 2026-03-29T00:00:00Z, not %q", flag, text)
	}
	return at, nil
}

func auditKey() *cobra.Command {
	return auditFrom("key", "Print the public key that digests of the audit are verified with",
		func(_ context.Context, c *cobra.Command, from config.AuditStore) error {
			trust, err := trusted(nil, from.AuditKey())
			if err != nil {
				return err
			}
			text, err := trust.PEM()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		})
}
