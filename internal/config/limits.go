package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"
)

// Limits bound what anybody may ask of the server; zero lifts one. See docs/limits.md.
type Limits struct {
	Questions      int      `koanf:"limit-questions"`   // per second and credential
	Requests       int      `koanf:"limit-requests"`    // per minute and person
	Failures       int      `koanf:"limit-failures"`    // per minute and address
	Invitations    int      `koanf:"limit-invitations"` // per hour and inviter
	Mailbox        int      `koanf:"limit-mailbox"`     // per day and invited mailbox
	MaxQuestions   int      `koanf:"max-questions"`     // at a time
	MaxWork        int      `koanf:"max-work"`          // at a time
	MaxConnections int      `koanf:"max-connections"`
	TrustedProxies []string `koanf:"trusted-proxies"`
}

// DefaultLimits are those that nobody notices who uses the server as it is meant.
var DefaultLimits = Limits{
	Questions: 50_000, Requests: 6_000, Failures: 600, Invitations: 500, Mailbox: 20,
	MaxQuestions: 512, MaxWork: 64, MaxConnections: 5_000,
}

func limitFlags(flags *pflag.FlagSet) {
	d := DefaultLimits
	flags.Int("limit-questions", d.Questions, "questions that one credential may ask per second, each of a bulk counted; 0 lifts this limit, as it does those below")
	flags.Int("limit-requests", d.Requests, "other requests that one person may make per minute")
	flags.Int("limit-failures", d.Failures, "credentials that may be refused per minute to one address, or IPv6 network of 64 bits")
	flags.Int("limit-invitations", d.Invitations, "invitations that one person may send per hour")
	flags.Int("limit-mailbox", d.Mailbox, "invitations that one mailbox may be sent per day, by whomever")
	flags.Int("max-questions", d.MaxQuestions, "questions that are answered at a time; as many again wait, and more are told to come back")
	flags.Int("max-work", d.MaxWork, "other requests that are served at a time; as many again wait, and more are told to come back")
	flags.Int("max-connections", d.MaxConnections, "connections to the HTTP API at a time")
	flags.StringSlice("trusted-proxies", nil, "addresses, or networks such as 10.0.0.0/8, of proxies whose X-Forwarded-For is believed (default: nobody's)")
}

// Proxies are the networks of those that are trusted; they were validated.
func (l Limits) Proxies() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range l.TrustedProxies {
		if network, err := parseNetwork(text); err == nil {
			networks = append(networks, network)
		}
	}
	return networks
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		network, err := netip.ParsePrefix(text)
		return network.Masked(), err
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func (l Limits) faults() []error {
	var faults []error
	for name, n := range map[string]int{
		"limit-questions": l.Questions, "limit-requests": l.Requests, "limit-failures": l.Failures, "limit-invitations": l.Invitations,
		"limit-mailbox": l.Mailbox, "max-questions": l.MaxQuestions, "max-work": l.MaxWork, "max-connections": l.MaxConnections,
	} {
		if n < 0 || n > 1_000_000 {
			faults = append(faults, fmt.Errorf("%s must be between 0, for no limit, and a million", name))
		}
	}
	for _, text := range l.TrustedProxies {
		if _, err := parseNetwork(text); err != nil {
			faults = append(faults, fmt.Errorf("trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", text))
		}
	}
	return faults
}
