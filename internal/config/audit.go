package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Audit says how the audit is signed, and how long it is kept.
type Audit struct {
	KeyFile        string        `koanf:"audit-key-file"`
	DigestFile     string        `koanf:"audit-digest-file"`
	DigestInterval time.Duration `koanf:"audit-digest-interval"`
	Retention      time.Duration `koanf:"audit-retention"`
}

// The bounds of audit-digest-interval: what a digest does not cover yet, nobody vouches for.
const (
	shortestInterval = time.Second
	longestInterval  = 24 * time.Hour
)

func auditFlags(flags *pflag.FlagSet) {
	auditKeyFlag(flags)
	flags.String("audit-digest-file", "", "file that signed digests of the audit are appended to besides, best where who can write to the database cannot")
	flags.Duration("audit-digest-interval", 5*time.Minute, "how long a record of the audit waits for the signed digest that covers it; a thousand do not wait")
	flags.Duration("audit-retention", 0, "how long records of the audit are kept, such as 8760h; 0: for ever")
}

func auditKeyFlag(flags *pflag.FlagSet) {
	flags.String("audit-key-file", "", "key that digests of the audit are signed with, for several servers to share; made by the first (default: one in the data directory)")
}

func (a Audit) faults() []error {
	var faults []error
	if a.DigestInterval < shortestInterval || a.DigestInterval > longestInterval {
		faults = append(faults, fmt.Errorf("audit-digest-interval must be between %s and %s", shortestInterval, longestInterval))
	}
	if a.Retention < 0 {
		faults = append(faults, fmt.Errorf("audit-retention must not be negative"))
	}
	return faults
}

// AuditKey is the file with the key that digests are signed with.
func (c Config) AuditKey() string { return auditKey(c.Audit.KeyFile, c.DataDir) }

func auditKey(file, dataDir string) string {
	return cmp.Or(file, filepath.Join(dataDir, "audit-key.pem"))
}

// AuditStore says where an audit is to be read.
type AuditStore struct {
	DataDir      string `koanf:"data-dir"`
	DirectoryURL string `koanf:"directory-url"` // wins over the data directory
	KeyFile      string `koanf:"audit-key-file"`
}

// AuditKey is the file with the key that digests are signed with.
func (s AuditStore) AuditKey() string { return auditKey(s.KeyFile, s.DataDir) }

// AuditStoreFlags declares the settings of AuditStore.
func AuditStoreFlags(flags *pflag.FlagSet) {
	DataDirFlag(flags)
	directoryFlag(flags)
	auditKeyFlag(flags)
}

// LoadAuditStore reads the settings of AuditStore, as LoadStores does.
func LoadAuditStore(flags *pflag.FlagSet) (AuditStore, error) {
	var s AuditStore
	if err := loadSome(flags, "", &s); err != nil {
		return AuditStore{}, err
	}
	if s.DirectoryURL != "" && !strings.HasPrefix(s.DirectoryURL, "postgres://") && !strings.HasPrefix(s.DirectoryURL, "postgresql://") {
		return AuditStore{}, fmt.Errorf("directory-url must be a postgres:// URL")
	}
	return s, nil
}
