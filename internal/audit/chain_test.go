package audit_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
	"github.com/gatehouse/gatehouse/internal/database"
)

func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// keyFile writes the key that has the seed "00…0n".
func keyFile(t *testing.T, n byte) string {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[len(seed)-1] = n
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return path
}

func (c *chained) lines(t *testing.T) (records []audit.Record, digests []audit.Digest, begins *audit.Beginning) {
	t.Helper()
	for l, err := range audit.Kept(c.db, audit.Span{})(t.Context()) {
		require.NoError(t, err)
		switch {
		case l.Record != nil:
			records = append(records, *l.Record)
		case l.Digest != nil:
			digests = append(digests, *l.Digest)
		case l.Beginning != nil:
			begins = l.Beginning
		}
	}
	return records, digests, begins
}

// TestTheFormatStays: what is hashed and signed today is verified tomorrow, and by
// whoever reads docs/audit.md.
func TestTheFormatStays(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := emptyChained(t, db)
		path := keyFile(t, 1)
		key, err := audit.OpenKey(path)
		require.NoError(t, err)
		c.sealer.Key = key
		ending := access.Relate(access.Object{Type: "share", ID: "s"}, "holder", access.Object{Type: "group", ID: "g"})
		ending.Subject.Relation = "member"
		ending.EndsAt = noon.Add(time.Hour)
		gone := change("t1", access.Cause{Operation: "add", Actor: access.User("pete"), Reason: "für Ann", RequestID: "r1", From: "::1"}, member("apollo", "ann"), ending)
		gone.Updates[1].Verb = access.Delete
		handle(t, c.log, gone)
		require.NoError(t, c.log.Lost(t.Context(), "t1", "t2"))
		require.NoError(t, c.sealer.Seal(t.Context()))
		records, digests, _ := c.lines(t)

		first := hashText("24:gatehouse audit record 1,0:,1:1,2:t1,0:,3:add,4:user,4:pete,8:für Ann,2:r1,3:::1,16:1774785600123456," +
			"1:0,5:touch,7:project,6:apollo,6:member,4:user,3:ann,0:,0:,7:project,6:apollo,3:ann," +
			"1:1,6:delete,5:share,1:s,6:holder,5:group,1:g,6:member,16:1774789200123456,5:share,1:s,0:,")
		assert.Equal(t, first, records[0].Hash)
		second := hashText("24:gatehouse audit record 1,64:" + first + ",1:2,2:t2,2:t1,3:gap,8:platform,9:gatehouse,0:,0:,0:,16:1774785600123456,")
		assert.Equal(t, second, records[1].Hash)

		require.Len(t, digests, 1)
		const public = "TLWr9q15+/WrvMr8wmnYXNJlHtS4hbWGnyQa7fCluik="
		said := "24:gatehouse audit digest 1,1:1,1:1,1:2,64:" + second + ",16:1774785600123456,0:,44:" + public + ","
		signature := sign(t, path, said)
		assert.Equal(t, audit.Digest{Number: 1, First: 1, Last: 2, Hash: second, At: noon, Key: public, Signature: signature}, digests[0])

		c.clock = noon.Add(time.Hour)
		c.sealer.Retention = time.Minute
		require.NoError(t, c.sealer.Seal(t.Context()))
		records, digests, begins := c.lines(t)
		assert.Empty(t, records)
		assert.Len(t, digests, 1)
		assert.Equal(t, &audit.Beginning{
			First: 3, Hash: second, Before: c.clock.Add(-time.Minute), At: c.clock, Key: public,
			Signature: sign(t, path, "27:gatehouse audit beginning 1,1:3,64:"+second+",16:1774789140123456,16:1774789200123456,44:"+public+","),
		}, begins)

		handle(t, c.log, change("t3", access.Cause{}, member("apollo", "bob")))
		require.NoError(t, c.sealer.Seal(t.Context()))
		_, digests, _ = c.lines(t)
		require.Len(t, digests, 2)
		assert.Equal(t, hashText(said), digests[1].Previous)
		assert.Equal(t, int64(3), digests[1].First, "numbers go on although nothing is left")
	})
}

// sign signs a text with the key in a file.
func sign(t *testing.T, path, text string) string {
	t.Helper()
	block, _ := pem.Decode(readAll(t, path))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key.(ed25519.PrivateKey), []byte(text)))
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// TestAnAuditFromBeforeIsChained as it is, once.
func TestAnAuditFromBeforeIsChained(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		before := fstest.MapFS{"migrations/00001_audit.sql": {Data: readAll(t, "migrations/00001_audit.sql")}}
		require.NoError(t, database.Migrate(t.Context(), db, "audit", before))
		const old = 450
		for n := 1; n <= old; n++ {
			_, err := db.ExecContext(t.Context(), `INSERT INTO audit_events VALUES ($1, $2, '', 'add', 'user', 'pete', '', '', '', $3)`, n, fmt.Sprint("t", n), noon.UnixMicro())
			require.NoError(t, err)
			for position := range n % 3 {
				_, err = db.ExecContext(t.Context(), `INSERT INTO audit_updates VALUES ($1, $2, 0, 'project', 'apollo', 'member', 'user', 'ann', '', NULL, 'project', 'apollo', 'ann')`, n, position)
				require.NoError(t, err)
			}
		}
		c := emptyChained(t, db)
		handle(t, c.log, change("new", access.Cause{}, member("apollo", "bob")))
		require.NoError(t, c.sealer.Seal(t.Context()))
		found, err := c.verify(t)
		require.NoError(t, err)
		assert.Equal(t, int64(old+1), found.Covered)

		// Hashes that somebody takes away are not made anew.
		_, err = db.ExecContext(t.Context(), `UPDATE audit_events SET hash = '' WHERE sequence >= 7`)
		require.NoError(t, err)
		open(t, db, nothing)
		_, err = c.verify(t)
		assert.Equal(t, int64(7), fault(t, err, audit.Edited).Sequence)
	})
}

// fault is the fault of a kind that an error is.
func fault(t *testing.T, err error, kind string) *audit.Fault {
	t.Helper()
	var f *audit.Fault
	require.ErrorAs(t, err, &f)
	require.Equal(t, kind, f.Kind, "%v", f)
	return f
}

// TestServersAtOnceMakeOneChain, and one chain of digests.
func TestServersAtOnceMakeOneChain(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		const servers, changes = 3, 40
		c := emptyChained(t, db)
		file := filepath.Join(t.TempDir(), "digests.jsonl")
		var running sync.WaitGroup
		for server := range servers {
			log := open(t, db, nothing)
			sealer := &audit.Sealer{Log: log, Key: c.sealer.Key, File: file}
			running.Go(func() {
				for n := range changes {
					at := access.Token(fmt.Sprint("t", n/2, "of", server*n%2))
					assert.NoError(t, log.Handle(t.Context(), change(at, access.Cause{}, member("apollo", "ann"))))
					assert.NoError(t, sealer.Seal(t.Context()))
				}
			})
		}
		running.Wait()
		found, err := c.verify(t, anchorOf(t, file)...)
		require.NoError(t, err)
		assert.Equal(t, found.Records, found.Covered)
		assert.Equal(t, found.Records, found.Anchored)
		assert.Len(t, anchorOf(t, file), int(found.Digests), "each digest is in the file once")
	})
}

func anchorOf(t *testing.T, file string) []audit.Digest {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	all, err := audit.ReadAnchor(f)
	require.NoError(t, err)
	return all
}

// TestDigestsAreDue when a record has waited, or a thousand have come.
func TestDigestsAreDue(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := emptyChained(t, db)
		tell := func(n int) {
			for range n {
				handle(t, c.log, change(access.Token(fmt.Sprint("t", c.count(t, "audit_events"))), access.Cause{}, member("apollo", "ann")))
			}
		}
		assert.False(t, c.sealer.Due())
		tell(1)
		assert.False(t, c.sealer.Due())
		c.clock = c.clock.Add(c.sealer.Every)
		assert.True(t, c.sealer.Due())
		require.NoError(t, c.sealer.Seal(t.Context()))
		assert.False(t, c.sealer.Due())
		c.clock = c.clock.Add(24 * time.Hour)
		assert.False(t, c.sealer.Due(), "nothing waits")
		require.NoError(t, c.sealer.Seal(t.Context()))
		assert.Len(t, c.digests(t), 1)

		tell(999)
		assert.False(t, c.sealer.Due())
		tell(2)
		assert.True(t, c.sealer.Due())
		require.NoError(t, c.sealer.Seal(t.Context()))
		var lasts []int64
		for _, d := range c.digests(t) {
			lasts = append(lasts, d.Last)
		}
		assert.Equal(t, []int64{1, 1001, 1002}, lasts, "no digest covers more than a thousand")
	})
}

// TestOldRecordsGo a digest at a time, and none that is newer.
func TestOldRecordsGo(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := emptyChained(t, db)
		c.sealer.Retention = 10 * 24 * time.Hour
		for n := 1; n <= 60; n++ {
			cause := access.Cause{At: c.clock}
			if n%7 == 0 {
				cause.At = c.clock.Add(-100 * 24 * time.Hour) // a writer's clock
			}
			handle(t, c.log, change(access.Token(fmt.Sprint("t", n)), cause, member("apollo", "ann")))
			if n%3 == 0 {
				require.NoError(t, c.sealer.Seal(t.Context()))
			}
			c.clock = c.clock.Add(24 * time.Hour)

			found, err := c.verify(t)
			require.NoError(t, err)
			oldest := int64(max(1, n-15)) // ten days, the digest they are in, and those that wait for the next
			assert.GreaterOrEqual(t, found.First, oldest)
			assert.LessOrEqual(t, found.First, int64(max(1, n-9)), "ten days are there")
			assert.EqualValues(t, 1, found.First%3, "whole digests go")
			assert.Equal(t, found.First > 1, !found.DeletedAt.IsZero())
			assert.Equal(t, found.Records, c.count(t, "audit_events"))
			assert.Equal(t, found.Records, c.count(t, "audit_updates"))
		}
	})
}

// TestNobodyHasYoungRecordsDeleted by making them look old for as long as that takes: the
// server believes it, and signs what it believed.
func TestNobodyHasYoungRecordsDeleted(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := emptyChained(t, db)
		for n := range 3 {
			handle(t, c.log, change(access.Token(fmt.Sprint("t", n)), access.Cause{At: c.clock}, member("apollo", "ann")))
			require.NoError(t, c.sealer.Seal(t.Context()))
		}
		signed := c.digests(t)[1].At.UnixMicro()
		for _, statement := range []string{`UPDATE audit_events SET happened_at = 1 WHERE sequence <= 2`, `UPDATE audit_digests SET signed_at = 1 WHERE number <= 2`} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		c.sealer.Retention = 10 * 24 * time.Hour
		c.clock = c.clock.Add(24 * time.Hour)
		require.NoError(t, c.sealer.Seal(t.Context()))
		require.Equal(t, int64(1), c.count(t, "audit_events"), "they are gone")

		_, err := db.ExecContext(t.Context(), `UPDATE audit_digests SET signed_at = $1 WHERE number <= 2`, signed)
		require.NoError(t, err)
		_, err = c.verify(t)
		assert.Equal(t, int64(1), fault(t, err, audit.Missing).Digest)
	})
}

// TestAnAnchorCatchesWhoRewritesEverything, which the database alone cannot.
func TestAnAnchorCatchesWhoRewritesEverything(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		_, err := c.verify(t, c.anchor...)
		require.NoError(t, err)
		attempt := func(t *testing.T, do func(tx *sql.Tx), anchor []audit.Digest) error {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			do(tx)
			_, err = audit.Verify(t.Context(), audit.Kept(tx, audit.Span{}), c.trust, anchor, unheard)
			return err
		}
		exec := func(tx *sql.Tx, statement string) {
			_, err := tx.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		backToDigest2 := func(tx *sql.Tx) {
			exec(tx, `DELETE FROM audit_events WHERE sequence > 8`)
			exec(tx, `DELETE FROM audit_updates WHERE sequence > 8`)
			exec(tx, `DELETE FROM audit_digests WHERE number > 2`)
		}
		require.NoError(t, attempt(t, backToDigest2, nil), "it was so once")
		f := fault(t, attempt(t, backToDigest2, c.anchor), audit.Truncated)
		assert.Equal(t, []int64{9, 3}, []int64{f.Sequence, f.Digest})
		require.NoError(t, attempt(t, backToDigest2, c.anchor[:2]), "what the anchor does not cover may be lost")

		withoutDigests := func(tx *sql.Tx) { exec(tx, `DELETE FROM audit_digests WHERE number > 2`) }
		assert.Equal(t, int64(3), fault(t, attempt(t, withoutDigests, c.anchor), audit.BadDigest).Digest)

		foreign := c.anchor[1]
		foreign.Hash = c.anchor[2].Hash
		assert.Equal(t, int64(2), fault(t, attempt(t, func(*sql.Tx) {}, []audit.Digest{foreign}), audit.BadDigest).Digest)

		// Somebody who has the key, too, signs what they have made up.
		f = fault(t, attempt(t, func(tx *sql.Tx) {
			exec(tx, `DELETE FROM audit_digests WHERE number = 3`)
			d := c.anchor[2]
			d.At = d.At.Add(time.Second)
			said := fmt.Sprintf("24:gatehouse audit digest 1,1:3,1:9,2:12,64:%s,16:%d,64:%s,44:%s,", d.Hash, d.At.UnixMicro(), d.Previous, d.Key)
			d.Signature = sign(t, c.key, said)
			_, err := tx.ExecContext(t.Context(), `INSERT INTO audit_digests VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				d.Number, d.First, d.Last, d.Hash, d.At.UnixMicro(), d.Previous, d.Key, d.Signature)
			require.NoError(t, err)
		}, c.anchor), audit.Rewritten)
		assert.Equal(t, []int64{9, 3}, []int64{f.Sequence, f.Digest})
	})
}

// TestKeysAreNamed: a digest of a key that nobody named is worth nothing.
func TestKeysAreNamed(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		path := keyFile(t, 2)
		other, err := audit.OpenKey(path)
		require.NoError(t, err)
		c.sealer.Key = other // which is how keys change
		require.NoError(t, c.sealer.Seal(t.Context()))
		_, err = c.verify(t)
		f := fault(t, err, audit.UnknownKey)
		assert.Equal(t, int64(4), f.Digest)
		assert.Contains(t, f.Error(), other.Name())
		require.NoError(t, c.trust.Read(path))
		found, err := c.verify(t)
		require.NoError(t, err)
		assert.Equal(t, int64(chainLast), found.Covered)
	})
}

func TestAKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	names := make(chan string, 10)
	for range cap(names) {
		go func() {
			key, err := audit.OpenKey(path)
			assert.NoError(t, err)
			names <- key.Name()
		}()
	}
	first := <-names
	for range cap(names) - 1 {
		assert.Equal(t, first, <-names)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1)

	trust, public := audit.Trust{}, filepath.Join(t.TempDir(), "public.pem")
	require.NoError(t, trust.Read(path))
	text, err := trust.PEM()
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "-----BEGIN PUBLIC KEY-----\n"))
	require.NoError(t, os.WriteFile(public, text, 0o600))
	again := audit.Trust{}
	require.NoError(t, again.Read(public))
	assert.Equal(t, trust, again)
	_, err = audit.OpenKey(public)
	require.ErrorContains(t, err, "does not hold an Ed25519 key")
	require.NoError(t, os.WriteFile(public, []byte("nothing"), 0o600))
	require.ErrorContains(t, again.Read(public), "holds no Ed25519 key")
}

// TestWhatIsSignedTravels with the audit, hashes included; and so does what was done
// to it.
func TestWhatIsSignedTravels(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		archive, err := audit.OpenArchive(t.Context(), db)
		require.NoError(t, err)
		arrive := func(t *testing.T, target *sql.DB, records iter.Seq2[access.Record, error]) *chained {
			there, err := audit.OpenArchive(t.Context(), target)
			require.NoError(t, err)
			require.NoError(t, there.Import(t.Context(), records))
			return &chained{db: target, trust: c.trust, log: open(t, target, nothing), sealer: &audit.Sealer{Key: c.sealer.Key}}
		}
		onEach(t, func(t *testing.T, target *sql.DB) {
			there := arrive(t, target, archive.Export(t.Context()))
			found, err := there.verify(t, c.anchor...)
			require.NoError(t, err)
			assert.Equal(t, int64(chainCovered), found.Anchored)
			require.NoError(t, there.log.MarkImport(t.Context(), func(context.Context) (access.Token, error) { return "u1", nil }))
			there.sealer.Log = there.log
			require.NoError(t, there.sealer.Seal(t.Context()))
			found, err = there.verify(t, c.anchor...)
			require.NoError(t, err)
			assert.Equal(t, int64(chainLast+1), found.Covered)
		})
		_, err = db.ExecContext(t.Context(), `UPDATE audit_events SET reason = 'all is well' WHERE sequence = 9`)
		require.NoError(t, err)
		onEach(t, func(t *testing.T, target *sql.DB) {
			_, err := arrive(t, target, archive.Export(t.Context())).verify(t)
			assert.Equal(t, int64(9), fault(t, err, audit.Edited).Sequence)
		})
	})
}

// TestSnapshotsFromBeforeAreChained when they arrive.
func TestSnapshotsFromBeforeAreChained(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := emptyChained(t, db)
		archive, err := audit.OpenArchive(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, archive.Import(t.Context(), func(yield func(access.Record, error) bool) {
			for n := 1; n <= 3; n++ {
				if !yield(access.Record{Kind: audit.RecordKind, JSON: fmt.Appendf(nil, `{"Sequence": %d, "Moment": "t%d", "Operation": "add", "At": "2026-03-29T12:00:00Z"}`, n, n)}, nil) {
					return
				}
			}
		}))
		found, err := c.verify(t)
		require.NoError(t, err)
		assert.Equal(t, int64(3), found.Records)
	})
}

func TestDigestsNeedAFileThatOpens(t *testing.T) {
	s := &audit.Sealer{File: filepath.Join(t.TempDir(), "missing", "digests.jsonl")}
	require.ErrorContains(t, s.Open(), "open the file of digests")
}
