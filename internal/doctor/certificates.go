package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
)

// soon is how long before its end a certificate should have been renewed.
const soon = 30 * 24 * time.Hour

func namesCertificates(c config.Config) bool {
	return c.TLS.On() || c.SpiceDBCAFile != "" || c.SMTP.CAFile != "" || c.OIDC.CAFile != ""
}

// certificates looks at the one that is shown, and at those of authorities.
func certificates(_ context.Context, e *examination) {
	if e.TLS.On() {
		e.shown()
	}
	for setting, path := range map[string]string{"spicedb-ca-file": e.SpiceDBCAFile, "smtp-ca-file": e.SMTP.CAFile, "oidc-ca-file": e.OIDC.CAFile} {
		if path != "" {
			e.authority(setting, path)
		}
	}
}

func (e *examination) shown() {
	pair, err := tls.LoadX509KeyPair(e.TLS.CertFile, e.TLS.KeyFile)
	if err != nil {
		e.problem("certificate_unusable", "write the certificate to tls-cert-file and its own, unencrypted key to tls-key-file, in PEM",
			"the server cannot show %s: %v", e.TLS.CertFile, err)
		return
	}
	e.lasts("tls-cert-file", "renew it, and write the new one over the old: no restart is needed", pair.Leaf)
	u, err := url.Parse(e.PublicURL)
	if err != nil || u.Host == "" {
		return
	}
	if err := pair.Leaf.VerifyHostname(u.Hostname()); err != nil {
		e.problem("certificate_of_another_name", "have a certificate made for the host of --public-url", "clients of %s will refuse the certificate: %v", e.PublicURL, err)
	}
}

func (e *examination) authority(setting, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		e.problem("certificate_unusable", "name a file that the server may read", "%s: %v", setting, err)
		return
	}
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			found = true
			e.lasts(setting, "add the certificate that follows it to the file, and restart", c)
		}
	}
	if !found {
		e.problem("certificate_unusable", "name a PEM file with certificates of authorities", "%s: %s holds no certificates", setting, path)
	}
}

// lasts looks at when a certificate begins and ends.
func (e *examination) lasts(setting, cure string, c *x509.Certificate) {
	const day = time.DateOnly
	switch now := e.now(); {
	case now.Before(c.NotBefore):
		e.problem("certificate_not_yet_valid", "set this machine's clock, or wait", "%s: the certificate of %s is valid from %s on", setting, c.Subject, c.NotBefore.Format(day))
	case now.After(c.NotAfter):
		e.problem("certificate_expired", cure, "%s: the certificate of %s ended on %s", setting, c.Subject, c.NotAfter.Format(day))
	case now.Add(soon).After(c.NotAfter):
		e.warning("certificate_ends", cure, "%s: the certificate of %s ends on %s", setting, c.Subject, c.NotAfter.Format(day))
	}
}
