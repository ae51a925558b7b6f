package config

import (
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"
)

// SMTP names the mail server. Without an address mails are written to files.
type SMTP struct {
	Addr     string        `koanf:"smtp-addr"`
	User     string        `koanf:"smtp-user"`
	Password string        `koanf:"smtp-password"`
	TLS      string        `koanf:"smtp-tls"`
	CAFile   string        `koanf:"smtp-ca-file"`
	Timeout  time.Duration `koanf:"smtp-timeout"`
}

// The bounds of smtp-timeout. A mail under way is cut off in time when the server stops.
const (
	shortestTimeout = time.Second
	longestTimeout  = 5 * time.Minute
)

func smtpFlags(flags *pflag.FlagSet) {
	flags.String("smtp-addr", "", "mail server, as host:port; without one, mails are written to the folder outbox in the data directory")
	flags.String("smtp-user", "", "user name at the mail server; without one, mails are handed over without signing in")
	flags.String("smtp-password", "", "password at the mail server")
	flags.String("smtp-tls", "starttls", "how the connection to the mail server is encrypted: starttls (required), tls (from the start) or none")
	flags.String("smtp-ca-file", "", "PEM file with the authorities that vouch for the mail server (default: those this machine trusts)")
	flags.Duration("smtp-timeout", 10*time.Second, "how long handing over one mail may take")
}

func (s SMTP) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.Addr == "" {
		if s.User != "" || s.Password != "" || s.CAFile != "" {
			fault("smtp-user, smtp-password and smtp-ca-file need smtp-addr")
		}
		return faults
	}
	if host, port, err := net.SplitHostPort(s.Addr); err != nil || host == "" || port == "" {
		fault("smtp-addr must be host:port, not %q", s.Addr)
	}
	switch s.TLS {
	case "starttls", "tls":
	case "none":
		if s.User != "" {
			fault("smtp-user needs smtp-tls: a password is not sent unencrypted")
		}
	default:
		fault("smtp-tls must be starttls, tls or none, not %q", s.TLS)
	}
	if (s.User == "") != (s.Password == "") {
		fault("smtp-user and smtp-password go together")
	}
	if s.Timeout < shortestTimeout || s.Timeout > longestTimeout {
		fault("smtp-timeout must be between %s and %s", shortestTimeout, longestTimeout)
	}
	return faults
}
