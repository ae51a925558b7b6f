package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse/gatehouse/internal/config"
)

// lookForCertificate is how often the files of the certificate are looked at.
const lookForCertificate = time.Second

// certificate is the one of the HTTP API. It is read anew when its files change;
// connections that are open stay so.
type certificate struct {
	files  config.TLS
	log    *slog.Logger
	shown  atomic.Pointer[tls.Certificate]
	seen   stamp // of the files when they were last read
	failed bool  // to be read
}

// stamp tells versions of a pair of files apart.
type stamp [2]struct {
	at   time.Time
	size int64
}

// openCertificate reads a certificate and its key, which must belong together.
func openCertificate(files config.TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("tls-cert-file must hold a certificate, and tls-key-file its unencrypted key, in PEM: %w", err)
	}
	return c, nil
}

func (c *certificate) read() (err error) {
	if c.seen, err = c.stamp(); err != nil { // before reading: what changes meanwhile is read again
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return err
	}
	c.shown.Store(&pair)
	return nil
}

func (c *certificate) stamp() (s stamp, err error) {
	for i, path := range []string{c.files.CertFile, c.files.KeyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return stamp{}, err
		}
		s[i].at, s[i].size = info.ModTime(), info.Size()
	}
	return s, nil
}

// Run looks at the files until the context ends.
func (c *certificate) Run(ctx context.Context) {
	tick := time.NewTicker(lookForCertificate)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// look reads the files if they changed. Of a pair that is half written, or gone for a
// moment, the one before is kept.
func (c *certificate) look(ctx context.Context) {
	now, _ := c.stamp() // zero if one is gone, which is a change like any other
	changed := now != c.seen
	if !changed && !c.failed {
		return
	}
	err := c.read()
	if c.failed = err != nil; c.failed {
		if changed {
			c.log.WarnContext(ctx, "the certificate cannot be read, the one before is kept", "error", err)
		}
		return
	}
	c.log.InfoContext(ctx, "the certificate has changed", "file", c.files.CertFile, "until", c.shown.Load().Leaf.NotAfter)
}

// ends is a metric by which to see in time that the certificate is not renewed.
func (c *certificate) ends() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_tls_certificate_ends_timestamp_seconds", Help: "When the certificate ends that the server shows, in seconds since 1970.",
	}, func() float64 { return float64(c.shown.Load().Leaf.NotAfter.Unix()) })
}

// config is how TLS is spoken over HTTP. Cipher suites and curves are Go's choice.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.shown.Load(), nil },
	}
}

// strictly tells browsers that they are to come over TLS for a year.
func strictly(next http.Handler) http.Handler {
	value := []string{"max-age=31536000"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Strict-Transport-Security"] = value
		next.ServeHTTP(w, r)
	})
}
