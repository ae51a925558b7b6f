package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Stores says where relationships and the directory are kept: in a data directory,
// or in a SpiceDB and a Postgres that run by themselves.
type Stores struct {
	DataDir         string `koanf:"data-dir"`
	SpiceDBEndpoint string `koanf:"spicedb-endpoint"`
	SpiceDBKey      string `koanf:"spicedb-key"`
	SpiceDBInsecure bool   `koanf:"spicedb-insecure"`
	SpiceDBCAFile   string `koanf:"spicedb-ca-file"`
	DirectoryURL    string `koanf:"directory-url"`
}

// DataFile is the file of a server that keeps everything itself; empty for others.
func (s Stores) DataFile() string {
	if s.SpiceDBEndpoint != "" {
		return ""
	}
	return filepath.Join(s.DataDir, "gatehouse.db")
}

// Plaintext reports whether SpiceDB is reached without TLS: if told so, and on this
// machine unless an authority is named that vouches for it.
func (s Stores) Plaintext() bool {
	host, _, _ := net.SplitHostPort(s.SpiceDBEndpoint)
	return s.SpiceDBInsecure || isLoopback(host) && s.SpiceDBCAFile == ""
}

// StoresFlags declares the settings of Stores.
func StoresFlags(flags *pflag.FlagSet) {
	DataDirFlag(flags)
	flags.String("spicedb-endpoint", "", "host:port of a SpiceDB that runs by itself; needs directory-url")
	flags.String("spicedb-key", "", "its preshared key; GATEHOUSE_SPICEDB_KEY keeps it out of the list of processes")
	flags.Bool("spicedb-insecure", false, "reach it without TLS, as is done on this machine anyway")
	flags.String("spicedb-ca-file", "", "PEM file with the authorities that vouch for it (default: those this machine trusts)")
	directoryFlag(flags)
}

func directoryFlag(flags *pflag.FlagSet) {
	flags.String("directory-url", "", "postgres:// URL of the directory; GATEHOUSE_DIRECTORY_URL keeps its password out of the list of processes")
}

// DataDirFlag declares the one setting of Stores for those who need no other.
func DataDirFlag(flags *pflag.FlagSet) {
	flags.String("data-dir", "./data", "folder for everything a server keeps itself")
}

// LoadStores reads the settings of Stores. Flags given win over variables, and
// those over defaults; variables about anything else may be there for the server.
// All faults are reported at once.
func LoadStores(flags *pflag.FlagSet) (Stores, error) {
	var s Stores
	if err := loadSome(flags, "", &s); err != nil {
		return Stores{}, err
	}
	return s, errors.Join(s.faults()...)
}

// loadSome reads the settings that there are flags for; from a file too, if one is named.
func loadSome(flags *pflag.FlagSet, path string, settings any) error {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return fmt.Errorf("read the configuration file: %w", err)
		}
	}
	variables := env.Provider(".", env.Opt{Prefix: "GATEHOUSE_", TransformFunc: func(name, value string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "GATEHOUSE_")), "_", "-")
		if flags.Lookup(key) == nil {
			return "", nil
		}
		return key, value
	}})
	if err := k.Load(variables, nil); err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if err := k.Unmarshal("", settings); err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	return nil
}

func (s Stores) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.SpiceDBEndpoint == "" {
		if s.SpiceDBKey != "" || s.SpiceDBInsecure || s.SpiceDBCAFile != "" || s.DirectoryURL != "" {
			fault("spicedb-key, spicedb-insecure, spicedb-ca-file and directory-url need spicedb-endpoint")
		}
		if s.DataDir == "" {
			fault("data-dir must not be empty")
		}
		return faults
	}
	if _, _, err := net.SplitHostPort(s.SpiceDBEndpoint); err != nil {
		fault("spicedb-endpoint must be host:port, not %q", s.SpiceDBEndpoint)
	}
	if s.SpiceDBKey == "" {
		fault("spicedb-endpoint needs spicedb-key")
	}
	if s.SpiceDBInsecure && s.SpiceDBCAFile != "" {
		fault("spicedb-insecure and spicedb-ca-file exclude each other")
	}
	if !strings.HasPrefix(s.DirectoryURL, "postgres://") && !strings.HasPrefix(s.DirectoryURL, "postgresql://") {
		fault("spicedb-endpoint needs directory-url, a postgres:// URL")
	}
	return faults
}
