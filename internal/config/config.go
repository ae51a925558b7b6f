// Package config holds every setting of the server: one struct, read from flags,
// GATEHOUSE_* variables and a file, in that order of precedence.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// Config is what the server can be told. A key of the file is a flag without its
// dashes: data-dir.
type Config struct {
	Stores     `koanf:",squash"`
	Beneath    Beneath  `koanf:",squash"`
	RedisURL   string   `koanf:"redis-url"`
	InMemory   bool     `koanf:"in-memory"`
	HTTPAddr   string   `koanf:"http-addr"`
	GRPCAddr   string   `koanf:"grpc-addr"` // empty beside a SpiceDB that runs by itself
	GRPCKey    string   `koanf:"grpc-key"`
	TLS        TLS      `koanf:",squash"`
	PublicURL  string   `koanf:"public-url"`
	MailFrom   string   `koanf:"mail-from"`
	SMTP       SMTP     `koanf:",squash"`
	Audit      Audit    `koanf:",squash"`
	Operators  []string `koanf:"operators"`
	OIDC       OIDC     `koanf:",squash"`
	Limits     Limits   `koanf:",squash"`
	Dev        bool     `koanf:"dev"`
	DevKeyFile string   `koanf:"dev-key-file"`
	Demo       bool     `koanf:"demo"`
	TimeZone   string   `koanf:"time-zone"`
	LogLevel   string   `koanf:"log-level"`
	LogFormat  string   `koanf:"log-format"`
}

// DataFile is the file that keeps people and relationships; empty in memory, and
// where they are kept by servers that run by themselves.
func (c Config) DataFile() string {
	if c.InMemory {
		return ""
	}
	return c.Stores.DataFile()
}

// DevKey is the file with the signing key of the dev issuer.
func (c Config) DevKey() string { return DevKey(c.DevKeyFile, c.DataDir) }

// DevKey is where the signing key of the dev issuer is: in a file that several
// processes share, or in the data directory.
func DevKey(file, dataDir string) string { return cmp.Or(file, filepath.Join(dataDir, "dev-key.pem")) }

// Flags declares every setting, with its default and what it means.
func Flags(flags *pflag.FlagSet) {
	for _, chapter := range chapters {
		chapter.flags(flags)
	}
}

func apiFlags(flags *pflag.FlagSet) {
	flags.String("http-addr", "127.0.0.1:8080", "address of the HTTP API")
	flags.String("public-url", "", "where people and applications reach the server, for links in mails and AuthZEN's metadata (default: the address it listens on)")
	flags.String("grpc-addr", "127.0.0.1:50051", "address of SpiceDB's own gRPC API, for zed and authzed clients; empty switches it off, as spicedb-endpoint does")
	flags.String("grpc-key", "", "preshared key of the gRPC API, at least 16 characters; in dev mode one is made up in the data directory")
}

func keepFlags(flags *pflag.FlagSet) {
	StoresFlags(flags)
	flags.Bool("in-memory", false, "forget people and relationships when the server stops; for tests and trials")
	flags.String("redis-url", "", "Redis that several servers share their answers through: redis://, rediss://, redis+sentinel://host:port,…/master or redis+cluster://host:port,…")
}

func signInFlags(flags *pflag.FlagSet) {
	oidcFlags(flags)
	flags.StringSlice("operators", nil, "e-mail addresses of those who operate the platform")
	flags.Bool("dev", false, "accept tokens made by `gatehouse token`; not for production")
	flags.String("dev-key-file", "", "signing key of those tokens, for several servers to share; made by the first (default: one in the data directory)")
	flags.Bool("demo", false, "load a small world of each product to look at")
}

func mailFlags(flags *pflag.FlagSet) {
	flags.String("mail-from", "Gatehouse <gatehouse@localhost.localdomain>", "sender of mails")
	smtpFlags(flags)
}

func otherFlags(flags *pflag.FlagSet) {
	flags.String("time-zone", "UTC", "IANA time zone of objects that are created without one")
	flags.String("log-level", "info", "debug, info, warn or error")
	flags.String("log-format", "text", "text or json")
}

// File is where settings are read from: the file that was named, here or in
// GATEHOUSE_CONFIG; empty: from none.
func File(named string) string { return cmp.Or(named, os.Getenv("GATEHOUSE_CONFIG")) }

// Load reads the settings. Flags given win over variables, variables over the
// file, the file over defaults. Unknown keys and all faults are reported at once.
func Load(flags *pflag.FlagSet, path string) (Config, error) {
	path = File(path)
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(known)
	BeneathFlags(known)
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fmt.Errorf("read the configuration file: %w", err)
		}
	}
	var faults []error
	for _, key := range k.Keys() {
		f := known.Lookup(key)
		if f == nil {
			faults = append(faults, fmt.Errorf("%s: there is no setting %q", path, key))
		} else if f.Value.Type() == "bool" && notBool(k.String(key)) {
			faults = append(faults, fmt.Errorf("%s: %s must be true or false, not %q", path, key, k.String(key)))
			k.Delete(key)
		}
	}
	variables := env.Provider(".", env.Opt{Prefix: "GATEHOUSE_", TransformFunc: func(name, value string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "GATEHOUSE_")), "_", "-")
		switch f := known.Lookup(key); {
		case name == "GATEHOUSE_CONFIG", ofClients[name], injected.MatchString(name):
			return "", nil
		case f == nil:
			faults = append(faults, fmt.Errorf("%s: there is no setting %q", name, key))
			return "", nil
		case f.Value.Type() == "bool" && notBool(value):
			faults = append(faults, fmt.Errorf("%s: %s must be true or false, not %q", name, key, value))
			return "", nil
		case f.Value.Type() == "stringSlice":
			return key, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		}
		return key, value
	}})
	if err := k.Load(variables, nil); err != nil {
		return Config{}, fmt.Errorf("read the environment: %w", err)
	}
	chosen := flags.Changed("grpc-addr") || k.Exists("grpc-addr")
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		return Config{}, fmt.Errorf("read the flags: %w", err)
	}
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		return Config{}, fmt.Errorf("read the settings: %w", err)
	}
	if c.SpiceDBEndpoint != "" && !chosen {
		c.GRPCAddr = "" // the default is for the SpiceDB in this process
	}
	return c, errors.Join(append(faults, c.faults()...)...)
}

func notBool(text string) bool {
	_, err := strconv.ParseBool(text)
	return err != nil
}

// injected are the variables by which Kubernetes describes a service that is
// called gatehouse. They are not meant as settings.
var injected = regexp.MustCompile(`^GATEHOUSE_(SERVICE_(HOST|PORT.*)|PORT(_.*)?)$`)

// ofClients are the variables of commands that speak to a server, in whose shell one
// may be started too.
var ofClients = map[string]bool{"GATEHOUSE_URL": true, "GATEHOUSE_TOKEN": true}

// minKey is the shortest preshared key accepted, in characters.
const minKey = 16

func (c Config) faults() []error {
	faults := c.Stores.faults()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.SpiceDBEndpoint != "" {
		if c.DataDir == "" {
			fault("data-dir must not be empty")
		}
		if c.InMemory {
			fault("in-memory and spicedb-endpoint exclude each other")
		}
		if c.GRPCAddr != "" {
			fault("grpc-addr is of the SpiceDB in this process: with spicedb-endpoint, zed and authzed clients go there")
		}
	}
	if c.RedisURL != "" {
		if _, err := ParseRedis(c.RedisURL); err != nil {
			faults = append(faults, err)
		}
	}
	if _, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		fault("http-addr must be host:port, not %q", c.HTTPAddr)
	}
	if _, _, err := net.SplitHostPort(c.GRPCAddr); c.GRPCAddr != "" && err != nil {
		fault("grpc-addr must be host:port or empty, not %q", c.GRPCAddr)
	}
	switch {
	case c.GRPCKey == "" && c.GRPCAddr != "" && !c.Dev:
		fault("grpc-key must be set while grpc-addr is: choose a long random one, or switch the gRPC API off with an empty grpc-addr")
	case c.GRPCKey != "" && len(c.GRPCKey) < minKey:
		fault("grpc-key must have at least %d characters", minKey)
	}
	if u, err := url.Parse(c.PublicURL); err != nil || c.PublicURL != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "") {
		fault("public-url must be an http or https URL without query and fragment, not %q", c.PublicURL)
	}
	faults = append(faults, c.TLS.faults(c.PublicURL)...)
	if _, err := mail.ParseAddress(c.MailFrom); err != nil {
		fault("mail-from must be an e-mail address, not %q", c.MailFrom)
	}
	faults = append(faults, c.Beneath.faults()...)
	faults = append(faults, c.SMTP.faults()...)
	faults = append(faults, c.Audit.faults()...)
	for _, operator := range c.Operators {
		if _, err := email.Parse(operator); err != nil {
			fault("operators: %q is not an e-mail address", operator)
		}
	}
	if len(c.OIDC.Issuers) == 0 && !c.Dev {
		fault("nobody could sign in: name an OpenID provider with oidc-issuers, or try Gatehouse out with dev")
	}
	faults = append(faults, c.OIDC.faults(c.Dev)...)
	faults = append(faults, c.Limits.faults()...)
	if c.DevKeyFile != "" && !c.Dev {
		fault("dev-key-file needs dev")
	}
	if c.Demo && !c.Dev {
		fault("demo needs dev: it is a world to try things in")
	}
	if err := access.CheckTimeZone(c.TimeZone); err != nil {
		fault("time-zone must be an IANA name such as Europe/Zurich, not %q", c.TimeZone)
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		fault("log-level must be debug, info, warn or error, not %q", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		fault("log-format must be text or json, not %q", c.LogFormat)
	}
	return faults
}
