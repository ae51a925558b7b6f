package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// OIDC names the OpenID providers whose tokens sign people in.
type OIDC struct {
	Issuers []OIDCIssuer `koanf:"oidc-issuers"`
	CAFile  string       `koanf:"oidc-ca-file"`
}

// OIDCIssuer is an OpenID provider, and an audience its tokens may be made for. In
// the file it has two keys; elsewhere it is one word, issuer=audience.
type OIDCIssuer struct {
	Issuer   string `koanf:"issuer"`
	Audience string `koanf:"audience"`
}

// UnmarshalText implements encoding.TextUnmarshaler. What is missing, faults finds.
func (o *OIDCIssuer) UnmarshalText(text []byte) error {
	o.Issuer, o.Audience, _ = strings.Cut(string(text), "=")
	return nil
}

func oidcFlags(flags *pflag.FlagSet) {
	flags.StringSlice("oidc-issuers", nil, "OpenID providers whose tokens sign people in, each as https://issuer=audience; one that is named again has several audiences")
	flags.String("oidc-ca-file", "", "PEM file with the authorities that vouch for them (default: those this machine trusts)")
}

func (o OIDC) faults(dev bool) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, i := range o.Issuers {
		switch u, err := url.Parse(i.Issuer); {
		case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
			fault("oidc-issuers: %q must be an https URL without query and fragment", i.Issuer)
		case u.Scheme == "http" && !(dev && isLoopback(u.Hostname())):
			fault("oidc-issuers: %q must be https; http is for a provider on this machine, in dev mode", i.Issuer)
		}
		if i.Audience == "" {
			fault("oidc-issuers: %q needs an audience, as in https://issuer=audience: without one, tokens made for any application would do", i.Issuer)
		}
	}
	if o.CAFile != "" && len(o.Issuers) == 0 {
		fault("oidc-ca-file needs oidc-issuers")
	}
	return faults
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
