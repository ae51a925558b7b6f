package mailer_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/mailer"
)

// backend is a real mail server that lets ann:secret in, if it asks for a password,
// and answers recipients and mails as it is told.
type backend struct {
	mu         sync.Mutex
	password   bool
	rcpt, data error
	got        []string
}

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{backend: b}, nil }

type session struct {
	*backend
	in bool
}

func (*session) Reset()                   {}
func (*session) Logout() error            { return nil }
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "ann" || password != "secret" {
			return errors.New("wrong password: " + password)
		}
		s.in = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if s.password && !s.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(string, *smtp.RcptOptions) error { return s.rcpt }

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if s.data != nil {
		return s.data
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, string(text))
	return nil
}

// run serves on this machine, with a certificate for that name if there is one, and
// returns its settings to send to it by.
func (b *backend) run(t *testing.T, security mailer.Security, certified string) mailer.Settings {
	t.Helper()
	server := smtp.NewServer(b)
	server.Domain = "mail.example"
	settings := mailer.Settings{Security: security, Timeout: 5 * time.Second, From: "Gatehouse <gatehouse@example.org>"}
	if certified != "" {
		server.TLSConfig, settings.CAFile = certify(t, certified)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	settings.Addr = listener.Addr().String()
	if security == mailer.TLS {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return settings
}

// certify makes a certificate that vouches for itself, for a name or an address.
func certify(t *testing.T, name string) (*tls.Config, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}, file
}

var letter = access.Mail{ID: "01M", Kind: access.MailInvitation, To: "ann@example.com", Subject: "Grüezi", Text: "Grüezi\n", HTML: "<p>Grüezi</p>"}

func TestMailsAreHandedOver(t *testing.T) {
	for _, security := range []mailer.Security{mailer.STARTTLS, mailer.TLS, mailer.Plain} {
		t.Run(string(security), func(t *testing.T) {
			b := &backend{password: security != mailer.Plain}
			settings := b.run(t, security, "127.0.0.1")
			if b.password {
				settings.User, settings.Password = "ann", "secret"
			}
			sender, err := mailer.NewSMTP(settings)
			require.NoError(t, err)
			require.NoError(t, sender.Send(t.Context(), letter))
			require.Len(t, b.got, 1)
			assert.Contains(t, b.got[0], "multipart/alternative")
			assert.Contains(t, b.got[0], "Message-ID: <01M@example.org>")
			assert.Contains(t, b.got[0], "Gr=C3=BCezi")
		})
	}
}

// TestWhatGoesWrong and whether it is any use to try again. No fault says whom a mail
// was for.
func TestWhatGoesWrong(t *testing.T) {
	permanent := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no ann@example.com here"}
	temporary := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not now, ann@example.com"}
	for name, c := range map[string]struct {
		backend   *backend
		certified string // for whom
		change    func(*mailer.Settings)
		says      string
		refused   bool
	}{
		"no STARTTLS":                   {&backend{}, "", nil, "STARTTLS", false},
		"a certificate for another":     {&backend{}, "mail.example", nil, "certificate", false},
		"a certificate nobody knows":    {&backend{}, "127.0.0.1", func(s *mailer.Settings) { s.CAFile = "" }, "certificate", false},
		"a wrong password":              {&backend{password: true}, "127.0.0.1", func(s *mailer.Settings) { s.User, s.Password = "ann", "guess" }, "AUTH", false},
		"no password":                   {&backend{password: true}, "127.0.0.1", nil, "MAIL FROM", false},
		"a recipient there is not":      {&backend{rcpt: permanent}, "127.0.0.1", nil, "550", true},
		"a recipient who is busy":       {&backend{rcpt: temporary}, "127.0.0.1", nil, "451", false},
		"a mail that is not wanted":     {&backend{data: permanent}, "127.0.0.1", nil, "550", true},
		"a mail that is not wanted now": {&backend{data: temporary}, "127.0.0.1", nil, "451", false},
	} {
		t.Run(name, func(t *testing.T) {
			settings := c.backend.run(t, mailer.STARTTLS, c.certified)
			if c.change != nil {
				c.change(&settings)
			}
			sender, err := mailer.NewSMTP(settings)
			require.NoError(t, err)
			err = sender.Send(t.Context(), letter)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, c.refused, errors.Is(err, access.ErrMailRefused), "%v", err)
			assert.NotContains(t, err.Error(), "ann@")
			assert.NotContains(t, err.Error(), "guess")
			assert.Empty(t, c.backend.got)

			// What was temporary passes.
			if c.backend.rcpt == error(temporary) {
				c.backend.rcpt = nil
				require.NoError(t, sender.Send(t.Context(), letter))
			}
		})
	}
}

// TestSilentServerIsNotWaitedFor longer than the settings say.
func TestSilentServerIsNotWaitedFor(t *testing.T) {
	for _, security := range []mailer.Security{mailer.STARTTLS, mailer.TLS} {
		t.Run(string(security), func(t *testing.T) {
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer func() { _ = silent.Close() }()
			sender, err := mailer.NewSMTP(mailer.Settings{
				Addr: silent.Addr().String(), Security: security, Timeout: 200 * time.Millisecond, From: "gatehouse@example.org",
			})
			require.NoError(t, err)
			begun := time.Now()
			require.Error(t, sender.Send(t.Context(), letter))
			assert.Less(t, time.Since(begun), 3*time.Second)
		})
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for says, settings := range map[string]mailer.Settings{
		"smtp-addr":            {Addr: "mail.example"},
		"smtp-addr: \"smtp\"":  {Addr: "mail.example:smtp"},
		"smtp-ca-file: open":   {Addr: "mail.example:25", CAFile: empty + ".not"},
		"holds no certificate": {Addr: "mail.example:25", CAFile: empty},
	} {
		_, err := mailer.NewSMTP(settings)
		require.Error(t, err)
		assert.True(t, strings.Contains(err.Error(), says), "%v", err)
	}
}
