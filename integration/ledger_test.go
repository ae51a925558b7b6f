package integration

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verifies runs `gatehouse audit verify` and returns what it says, which must be that
// all is well.
func verifies(t *testing.T, args ...string) string {
	t.Helper()

	said, err := say(t.Context(), "", gatehouse, append([]string{"audit", "verify"}, args...)...)
	require.NoError(t, err)
	return said
}

// TestTheAuditShowsTampering does what people do, and then to the file whatever
// somebody could who has it but not the key.
func TestTheAuditShowsTampering(t *testing.T) {
	t.Parallel()
	anchor := filepath.Join(t.TempDir(), "digests.jsonl")
	flags := []string{"--audit-digest-file", anchor, "--audit-digest-interval", "1s"}
	s := start(t, flags...)
	w := build(t, s, "ledger")
	for n := range 5 {
		w.add(t, "project", w.email(fmt.Sprint("member-", n)), "project_member")
	}
	admin := w.admin(t, "project")
	admin.post(t, w.path("project")+"/invitations", object{"email": w.email("ina")}).want(t, http.StatusCreated)
	s.relate(t, "project", w.id("project"), "member", "user", "from-outside")
	s.operator(t).event(t, "operation=outside")

	here := []string{"--data-dir", s.dataDir}
	await(t, "a digest of all, while the server runs", func() bool {
		said := verifies(t, append(here, "--anchor", anchor)...)
		return strings.Contains(said, "digests are signed") && !strings.Contains(said, "not covered yet")
	})
	s.operator(t).post(t, "/v1/partners", object{"id": "last", "name": "last"}).want(t, http.StatusCreated)
	s.operator(t).event(t, "operation=create&object=partner:last")
	require.NoError(t, s.stop())
	said := verifies(t, append(here, "--anchor", anchor)...)
	assert.NotContains(t, said, "not covered yet", "a server that stops signs what it has recorded")
	assert.Contains(t, said, "the anchor covers")

	public := filepath.Join(t.TempDir(), "public.pem")
	key, err := say(t.Context(), "", gatehouse, append([]string{"audit", "key"}, here...)...)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(public, []byte(key), 0o600))
	info, err := os.Stat(filepath.Join(s.dataDir, "audit-key.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	t.Run("an export is verified with the public key alone", func(t *testing.T) {
		text, err := say(t.Context(), "", gatehouse, append([]string{"audit", "export"}, here...)...)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "audit.jsonl")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		assert.Equal(t, said, verifies(t, "--file", file, "--public-key", public, "--anchor", anchor, "--data-dir", "/nowhere"))
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(text, `"operation":"invite"`, `"operation":"add"`, 1)), 0o600))
		_, err = say(t.Context(), "", gatehouse, "audit", "verify", "--file", file, "--public-key", public)
		require.ErrorContains(t, err, "edited")
	})

	t.Run("whatever is done to the file is found", func(t *testing.T) {
		last := tampered(t, s.dataDir, "").one(t, `SELECT max(sequence) FROM audit_events`)
		require.Greater(t, last, int64(15))
		for sequence := int64(1); sequence <= last; sequence++ {
			for change, says := range map[string]string{
				"UPDATE audit_events SET reason = 'all is well' WHERE sequence = %d":                                                          "record %d(edited",
				"DELETE FROM audit_updates WHERE sequence = %d":                                                                               "record %d(edited",
				"DELETE FROM audit_events WHERE sequence = %[1]d; DELETE FROM audit_updates WHERE sequence = %[1]d":                           "record %d(missing|truncated",
				"DELETE FROM audit_events WHERE sequence >= %[1]d; DELETE FROM audit_updates WHERE sequence >= %[1]d":                         "record %d(truncated",
				"UPDATE audit_events SET sequence = -1 WHERE sequence = %[1]d; UPDATE audit_updates SET sequence = -1 WHERE sequence = %[1]d": "record -1(inserted",
			} {
				if sequence%5 != 1 && sequence != last { // each takes two processes
					continue
				}
				place, kinds, _ := strings.Cut(says, "(")
				d := tampered(t, s.dataDir, fmt.Sprintf(change, sequence))
				_, err := say(t.Context(), "", gatehouse, "audit", "verify", "--data-dir", d.dir, "--public-key", public)
				require.Error(t, err, change, sequence)
				if strings.Contains(place, "%d") {
					place = fmt.Sprintf(place, sequence)
				}
				assert.Regexp(t, `gatehouse: the audit is not as it was recorded: `+place+`(?: \(\S+\))?: (`+kinds+`): `, err.Error(), change)
			}
		}
		d := tampered(t, s.dataDir, `DELETE FROM audit_events; DELETE FROM audit_updates; DELETE FROM audit_digests`)
		assert.Contains(t, verifies(t, "--data-dir", d.dir, "--public-key", public), "there are no records", "an empty audit is one, too")
		_, err := say(t.Context(), "", gatehouse, "audit", "verify", "--data-dir", d.dir, "--public-key", public, "--anchor", anchor)
		require.ErrorContains(t, err, "truncated", "but for what was kept elsewhere")
	})

	t.Run("a server that was killed signs when it is back", func(t *testing.T) {
		s = s.again(t, append(flags, "--audit-digest-interval", "1h")...)
		s.relate(t, "project", w.id("project"), "member", "user", "before-the-end")
		s.operator(t).event(t, "person=before-the-end")
		assert.Contains(t, verifies(t, here...), "records are not covered yet")
		require.NoError(t, s.kill())
		s = s.again(t, flags...)
		await(t, "the digest", func() bool { return !strings.Contains(verifies(t, here...), "not covered yet") })
		require.NoError(t, s.stop())
	})

	t.Run("what is too old is deleted, and nothing is amiss", func(t *testing.T) {
		time.Sleep(time.Second) // all digests are older than that
		s = s.again(t, append(flags, "--audit-retention", "1s")...)
		await(t, "the deletion", func() bool {
			return strings.Contains(verifies(t, append(here, "--anchor", anchor)...), "were deleted as too old")
		})
		s.relate(t, "project", w.id("project"), "member", "user", "after-the-end")
		s.operator(t).event(t, "person=after-the-end")
		assert.Regexp(t, `^records [2-9]\d to `, verifies(t, append(here, "--anchor", anchor)...))
	})

	t.Run("what cannot be verified is said", func(t *testing.T) {
		for says, args := range map[string]string{
			"there is no key at /nowhere/audit-key.pem": "--data-dir /nowhere",
			"/nowhere/gatehouse.db":                     "--data-dir /nowhere --public-key " + public,
			"must be a postgres:// URL":                 "--directory-url mysql://localhost --public-key " + public,
			"holds no Ed25519 key":                      "--public-key " + anchor,
		} {
			_, err := say(t.Context(), "", gatehouse, append([]string{"audit", "verify"}, strings.Fields(args)...)...)
			require.ErrorContains(t, err, says)
		}
	})
}

// damage is a copy of a data directory that somebody was at.
type damage struct{ dir string }

// tampered copies a data directory and changes the copy.
func tampered(t *testing.T, dataDir, statements string) damage {
	t.Helper()

	d := damage{t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "gatehouse.db"), readFile(t, filepath.Join(dataDir, "gatehouse.db")), 0o600))
	db := d.open(t)
	_, err := db.ExecContext(t.Context(), statements)
	require.NoError(t, err, statements)
	require.NoError(t, db.Close())
	return d
}

func (d damage) open(t *testing.T) *sql.DB {
	t.Helper()

	db, err := sql.Open("sqlite", filepath.Join(d.dir, "gatehouse.db"))
	require.NoError(t, err)
	return db
}

func (d damage) one(t *testing.T, query string) (n int64) {
	t.Helper()

	db := d.open(t)
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	require.NoError(t, db.Close())
	return n
}
