package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Beneath says where to look at what a SpiceDB that runs by itself stands on. Only
// `gatehouse doctor` looks; the server takes these settings so that both read one file.
type Beneath struct {
	DatabaseURL string `koanf:"spicedb-database-url"`
	MetricsURL  string `koanf:"spicedb-metrics-url"`
}

// BeneathFlags declares the settings of Beneath.
func BeneathFlags(flags *pflag.FlagSet) {
	flags.String("spicedb-database-url", "", "postgres:// URL of the Postgres or CockroachDB below SpiceDB, to be examined; GATEHOUSE_SPICEDB_DATABASE_URL keeps its password out of the list of processes")
	flags.String("spicedb-metrics-url", "", "http:// URL of SpiceDB's metrics, to be examined, such as http://spicedb:9090/metrics")
}

func (b Beneath) faults() []error {
	var faults []error
	if b.DatabaseURL != "" && !strings.HasPrefix(b.DatabaseURL, "postgres://") && !strings.HasPrefix(b.DatabaseURL, "postgresql://") {
		faults = append(faults, fmt.Errorf("spicedb-database-url must be a postgres:// URL"))
	}
	if b.MetricsURL != "" && !strings.HasPrefix(b.MetricsURL, "http://") && !strings.HasPrefix(b.MetricsURL, "https://") {
		faults = append(faults, fmt.Errorf("spicedb-metrics-url must be an http:// or https:// URL"))
	}
	return faults
}
