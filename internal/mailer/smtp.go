package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Security is how the connection to a mail server is protected.
type Security string

// The ways. STARTTLS is required where it is named: a server without it gets no mail.
const (
	STARTTLS Security = "starttls"
	TLS      Security = "tls"
	Plain    Security = "none"
)

// Settings name a mail server and how to reach it.
type Settings struct {
	Addr     string // host:port
	User     string // empty: mails are handed over without signing in
	Password string
	Security Security
	CAFile   string // PEM; empty: whom this machine trusts
	Timeout  time.Duration
	From     string
}

// SMTP hands mails to a mail server.
type SMTP struct {
	Settings
	host  string
	port  int
	trust *tls.Config
}

var _ access.Mailer = (*SMTP)(nil)

// NewSMTP prepares to send; it does not connect. It fails if the settings make no
// sense or the CA file cannot be read.
func NewSMTP(s Settings) (*SMTP, error) {
	host, portText, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, fmt.Errorf("smtp-addr: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("smtp-addr: %q is no port", portText)
	}
	trust := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		text, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("smtp-ca-file: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("smtp-ca-file: %s holds no certificate in PEM", s.CAFile)
		}
	}
	return &SMTP{Settings: s, host: host, port: port, trust: trust}, nil
}

// Send hands a mail over, by a connection of its own.
// Errors: access.ErrMailRefused if the server refuses the recipient or the mail for
// good; what else goes wrong may go well another time.
func (s *SMTP) Send(ctx context.Context, m access.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	message, err := compose(s.From, m, mail.EncodingQP)
	if err != nil {
		return err
	}
	client, err := mail.NewClient(s.host, s.options(ctx)...)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, message)
	if err == nil || message.IsDelivered() { // it is the server's from then on, however the connection ends
		return nil
	}
	return outcome(err)
}

// Reach fails unless the mail server lets this one in. No mail is sent.
func (s *SMTP) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	client, err := mail.NewClient(s.host, s.options(ctx)...)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	if err := client.DialWithContext(ctx); err != nil {
		return outcome(err)
	}
	_ = client.Close() // it was let in
	return nil
}

func (s *SMTP) options(ctx context.Context) []mail.Option {
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(s.Timeout), mail.WithTLSConfig(s.trust), mail.WithDialContextFunc(s.dial(ctx)),
		mail.WithTLSPolicy(mail.NoTLS), mail.WithoutNoop(),
	}
	if s.Security == STARTTLS {
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuthCustom(&password{settings: s.Settings, host: s.host}))
	}
	return options
}

// dial connects for one attempt, at whose end the connection is closed whatever is
// under way on it.
func (s *SMTP) dial(attempt context.Context) mail.DialContextFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var conn net.Conn
		var err error
		if s.Security == TLS {
			conn, err = (&tls.Dialer{Config: s.trust}).DialContext(ctx, network, addr)
		} else {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		if err == nil {
			context.AfterFunc(attempt, func() { _ = conn.Close() })
		}
		return conn, err
	}
}

// password signs in with PLAIN, or with LOGIN where a server has nothing better.
// Neither says the password on a connection that is not encrypted.
type password struct {
	settings Settings
	host     string
	chosen   smtp.Auth
}

func (p *password) Start(server *smtp.ServerInfo) (string, []byte, error) {
	p.chosen = smtp.PlainAuth("", p.settings.User, p.settings.Password, p.host, false)
	if !slices.Contains(server.Auth, "PLAIN") && slices.Contains(server.Auth, "LOGIN") {
		p.chosen = smtp.LoginAuth(p.settings.User, p.settings.Password, p.host, false)
	}
	return p.chosen.Start(server)
}

func (p *password) Next(fromServer []byte, more bool) ([]byte, error) {
	return p.chosen.Next(fromServer, more)
}

// outcome says what went wrong without the server's words, which may repeat whom
// the mail was for, or what it was shown to let us in.
func outcome(err error) error {
	var sending *mail.SendError
	if !errors.As(err, &sending) {
		if said, ok := errors.AsType[*textproto.Error](err); ok { // as when it refuses the password
			return fmt.Errorf("smtp: %s", strings.ReplaceAll(err.Error(), said.Error(), fmt.Sprintf("code %d", said.Code)))
		}
		return fmt.Errorf("smtp: %w", err)
	}
	said := fmt.Errorf("smtp: %s: code %d %s", sending.Reason, sending.ErrorCode(), sending.EnhancedStatusCode())
	switch sending.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		if sending.ErrorCode() >= 500 {
			return fmt.Errorf("%w: %w", said, access.ErrMailRefused)
		}
	}
	return said
}
