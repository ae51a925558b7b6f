package config

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"
)

// TLS names the certificate that both APIs show; without one they are not encrypted.
type TLS struct {
	CertFile string `koanf:"tls-cert-file"`
	KeyFile  string `koanf:"tls-key-file"`
}

// On reports whether the APIs are served over TLS.
func (t TLS) On() bool { return t.CertFile != "" }

func tlsFlags(flags *pflag.FlagSet) {
	flags.String("tls-cert-file", "", "PEM file with the certificate of both APIs, HTTP and gRPC, and those that vouch for it; it may change while the server runs")
	flags.String("tls-key-file", "", "PEM file with its private key")
}

func (t TLS) faults(publicURL string) []error {
	var faults []error
	if (t.CertFile == "") != (t.KeyFile == "") {
		faults = append(faults, errors.New("tls-cert-file and tls-key-file go together"))
	}
	if t.On() && strings.HasPrefix(publicURL, "http:") {
		faults = append(faults, errors.New("public-url must be https, as the server is with tls-cert-file"))
	}
	return faults
}
