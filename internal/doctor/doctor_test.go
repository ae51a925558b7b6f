package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/doctor"
)

var postgres *postgrestest.Cluster

func TestMain(m *testing.M) { postgrestest.Main(m, func(c *postgrestest.Cluster) { postgres = c }) }

// examine examines a server with these flags, in dev mode and on a folder of its own.
func examine(t *testing.T, flags ...string) doctor.Report {
	t.Helper()
	return examineAt(t, time.Now, flags...)
}

func examineAt(t *testing.T, now func() time.Time, flags ...string) doctor.Report {
	t.Helper()
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.Flags(set)
	config.BeneathFlags(set)
	require.NoError(t, set.Parse(append([]string{"--dev", "--data-dir", t.TempDir()}, flags...)))
	c, err := config.Load(set, "")
	require.NoError(t, err)
	return doctor.Examine(t.Context(), c, "", now)
}

// found are the severities, codes and parts of findings. What the machine that runs
// the test has left on its disk is left out.
func found(r doctor.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		if f.Code != "disk_full" {
			all = append(all, strings.Join([]string{string(f.Severity), f.Code, f.Part}, " "))
		}
	}
	return all
}

// said is everything that a report says.
func said(r doctor.Report) string {
	var text strings.Builder
	for _, f := range r.Findings {
		text.WriteString(f.What + "\n" + f.Cure + "\n")
	}
	return text.String()
}

func TestAServerOfItsOwnIsWell(t *testing.T) {
	t.Parallel()
	r := examine(t)
	assert.Empty(t, found(r))
	assert.Equal(t, []string{"settings", "files", "data file"}, r.Parts)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	unsafe := []string{"--http-addr", "0.0.0.0:8080", "--public-url", "http://gatehouse.example"}
	remote := []string{
		"--spicedb-endpoint", "parts.invalid:50051", "--spicedb-key", "k", "--spicedb-insecure",
		"--directory-url", "postgres://gatehouse@parts.invalid/gatehouse", "--redis-url", "redis://parts.invalid",
		"--smtp-addr", "parts.invalid:25", "--smtp-tls", "none", "--smtp-timeout", "1s",
	}
	for name, row := range map[string]struct {
		flags []string
		want  []string
	}{
		"dev mode in public, and plain": {unsafe, []string{"problem dev_in_public settings", "warning http_plaintext settings"}},
		"a proxy ends TLS":              {[]string{"--http-addr", "0.0.0.0:8080", "--public-url", "https://gatehouse.example", "--trusted-proxies", "10.0.0.0/8"}, []string{"problem dev_in_public settings"}},
		"where people reach it is not said": {[]string{"--http-addr", "0.0.0.0:8080", "--grpc-addr", "0.0.0.0:50051"}, []string{
			"problem dev_in_public settings", "warning http_plaintext settings", "warning grpc_plaintext settings", "warning public_url_missing settings",
		}},
		"in memory":         {[]string{"--in-memory"}, []string{"warning in_memory settings"}},
		"nobody gets mails": {[]string{"--dev=false", "--grpc-addr", "", "--oidc-issuers", "https://127.0.0.1:1=a"}, []string{"warning mails_to_files settings"}},
		"over open wires": {remote, []string{
			"warning spicedb_plaintext settings", "warning directory_plaintext settings", "warning redis_open settings", "warning mail_plaintext settings", "warning mail_from_default settings",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, row.want, of("settings", found(examine(t, row.flags...))))
		})
	}
}

// of leaves the findings of a part.
func of(part string, findings []string) (some []string) {
	for _, f := range findings {
		if strings.HasSuffix(f, " "+part) {
			some = append(some, f)
		}
	}
	return some
}

func TestFilesThatEverybodyReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"audit-key.pem", "dev-key.pem", "grpc-key"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	assert.Empty(t, found(examine(t, "--data-dir", dir)))

	require.NoError(t, os.Chmod(filepath.Join(dir, "audit-key.pem"), 0o644))
	r := examine(t, "--data-dir", dir)
	assert.Equal(t, []string{"problem readable_by_all files"}, found(r))
	assert.Contains(t, r.Findings[0].Cure, "chmod o-rw "+filepath.Join(dir, "audit-key.pem"))
}

// TestAFileOfSettingsMayBePublic unless it holds a secret.
func TestAFileOfSettingsMayBePublic(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	look := func(text string) []string {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, os.Chmod(file, 0o644))
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Flags(set)
		c, err := config.Load(set, file)
		require.NoError(t, err)
		return found(doctor.Examine(t.Context(), c, file, time.Now))
	}
	text := "dev: true\ndata-dir: " + t.TempDir() + "\n"
	assert.Empty(t, look(text))
	assert.Equal(t, []string{"problem readable_by_all files"}, look(text+"grpc-key: long-enough-and-random\n"))
}

// TestSecretsAreNotRepeated has every part with a secret fail, and say so.
func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	r := examine(t,
		"--spicedb-endpoint", "127.0.0.1:1", "--spicedb-key", "secret-of-spicedb",
		"--directory-url", "postgres://gatehouse:secret-of%20postgres@127.0.0.1:1/gatehouse", "--spicedb-database-url", "postgres://spicedb@127.0.0.1:1/spicedb?password=secret-of-the-other",
		"--redis-url", "redis://:secret-of%2fredis@127.0.0.1:1", "--spicedb-metrics-url", "http://who:secret-of-metrics@127.0.0.1:1/metrics",
		"--smtp-addr", "127.0.0.1:1", "--smtp-user", "u", "--smtp-password", "secret-of-mail", "--mail-from", "a@b.example",
	)
	assert.ElementsMatch(t, []string{
		"problem unreachable SpiceDB", "problem unreachable SpiceDB's database", "problem unreachable directory", "problem unreachable Redis", "problem unreachable mail server",
	}, found(r))
	assert.NotContains(t, said(r), "secret-of")
}
