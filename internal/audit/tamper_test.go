package audit_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/audit"
)

// chained is an audit of records of every sort, some of which digests cover.
type chained struct {
	db     *sql.DB
	log    *audit.Log
	sealer *audit.Sealer
	trust  audit.Trust
	key    string // its file
	clock  time.Time
	anchor []audit.Digest // all there are
}

const (
	chainFirst, chainLast = 5, 15 // the records that are left
	chainCovered          = 12    // the last that a digest covers
)

// chainDigests are the last records that the digests cover.
var chainDigests = []int64{4, 8, 12}

func unheard(int64) {}

// newChained records 15 changes, signs digests of 12, and lets the first 4 grow too old.
func newChained(t *testing.T, db *sql.DB) *chained {
	t.Helper()
	c := emptyChained(t, db)
	day := func(n int) access.Cause {
		cause := access.Cause{Operation: "add", Actor: access.User("pete"), Reason: fmt.Sprint("reason ", n), RequestID: fmt.Sprint("r", n), From: "192.0.2.7"}
		cause.At = c.clock
		return cause
	}
	for n := 1; n <= chainLast; n++ {
		ending := member("apollo", "ann")
		ending.EndsAt = noon.Add(time.Duration(n) * time.Hour)
		at := access.Token(fmt.Sprintf("t%02d", n))
		switch n % 4 {
		case 0:
			handle(t, c.log, change(at, day(n), member("zeus", "bob")))
		case 1:
			gone := change(at, day(n), ending, member("zeus", "ann"), member("hermes", "ann"))
			gone.Updates[1].Verb = access.Delete
			handle(t, c.log, gone)
		case 2:
			handle(t, c.log, change(at, access.Cause{}, access.Relate(invitation(string(at)), "offers_project_member", project("apollo")),
				access.Relate(invitation(string(at)), "invitee", access.User("cid"))))
		case 3:
			require.NoError(t, c.log.Lost(t.Context(), at+"-", at))
		}
		c.clock = c.clock.Add(24 * time.Hour)
		if slices.Contains(chainDigests, int64(n)) {
			if n == chainCovered { // what digest 1 covers is older than a week, and what 2 covers is not
				c.sealer.Retention = 7 * 24 * time.Hour
			}
			require.NoError(t, c.sealer.Seal(t.Context()))
		}
	}
	c.anchor = c.digests(t)
	require.Len(t, c.anchor, len(chainDigests))
	require.EqualValues(t, chainLast-chainFirst+1, c.count(t, "audit_events"))
	return c
}

func emptyChained(t *testing.T, db *sql.DB) *chained {
	t.Helper()
	c := &chained{db: db, clock: noon, trust: audit.Trust{}, key: filepath.Join(t.TempDir(), "key.pem")}
	key, err := audit.OpenKey(c.key)
	require.NoError(t, err)
	require.NoError(t, c.trust.Read(c.key))
	c.log, err = audit.New(t.Context(), db, func() time.Time { return c.clock }, nothing)
	require.NoError(t, err)
	c.sealer = &audit.Sealer{Log: c.log, Key: key, Every: time.Minute}
	return c
}

func (c *chained) count(t *testing.T, table string) (n int64) {
	t.Helper()
	require.NoError(t, c.db.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

func (c *chained) digests(t *testing.T) (all []audit.Digest) {
	t.Helper()
	for l, err := range audit.Kept(c.db, audit.Span{})(t.Context()) {
		require.NoError(t, err)
		if l.Digest != nil {
			all = append(all, *l.Digest)
		}
	}
	return all
}

func (c *chained) verify(t *testing.T, anchor ...audit.Digest) (audit.Verified, error) {
	t.Helper()
	return audit.Verify(t.Context(), audit.Kept(c.db, audit.Span{}), c.trust, anchor, unheard)
}

// place is where a fault must be found, and as what; no kinds: it is not to be found.
type place struct {
	sequence int64
	digest   int64
	kinds    []string
}

// tampering is something done to an audit in a transaction, by somebody who knows how
// it is kept but has no key.
type tampering struct {
	tx  *sql.Tx
	ctx context.Context
	t   *rapid.T
}

func (d tampering) exec(statement string, values ...any) int64 {
	result, err := d.tx.ExecContext(d.ctx, statement, values...)
	require.NoError(d.t, err, statement)
	n, err := result.RowsAffected()
	require.NoError(d.t, err)
	return n
}

// updates are how many updates a record has.
func (d tampering) updates(sequence int64) (n int) {
	require.NoError(d.t, d.tx.QueryRowContext(d.ctx, `SELECT count(*) FROM audit_updates WHERE sequence = $1`, sequence).Scan(&n))
	return n
}

func (d tampering) sequence() int64 {
	return rapid.Int64Range(chainFirst, chainLast).Draw(d.t, "sequence")
}

// ofUpdates draws a record that has updates.
func (d tampering) ofUpdates() int64 {
	return rapid.Int64Range(chainFirst, chainLast).Filter(func(n int64) bool { return n%4 != 3 }).Draw(d.t, "sequence")
}

// other draws a text that is not the one there is.
func (d tampering) other(table, column, where string, values ...any) string {
	var now string
	require.NoError(d.t, d.tx.QueryRowContext(d.ctx, `SELECT `+column+` FROM `+table+` WHERE `+where, values...).Scan(&now))
	return rapid.OneOf(
		rapid.StringMatching(`[ -~äé\n]{0,8}`),
		rapid.Just(now+"="), rapid.Just(now+"\n"), rapid.Just(" "+now),
	).Filter(func(s string) bool { return s != now }).Draw(d.t, "text")
}

func (d tampering) delta() int64 {
	return rapid.OneOf(rapid.Int64Range(1, 100_000_000), rapid.Int64Range(-100_000_000, -1)).Draw(d.t, "delta")
}

var tamperings = map[string]func(tampering) place{
	"a record is edited": func(d tampering) place {
		s := d.sequence()
		column := rapid.SampledFrom([]string{
			"moment", "gap_from", "operation", "actor_type", "actor_id", "reason", "request_id", "client_address", "hash", "happened_at",
		}).Draw(d.t, "column")
		if column == "happened_at" {
			d.exec(`UPDATE audit_events SET happened_at = happened_at + $1 WHERE sequence = $2`, d.delta(), s)
		} else {
			d.exec(`UPDATE audit_events SET `+column+` = $1 WHERE sequence = $2`, d.other("audit_events", column, "sequence = $1", s), s)
		}
		return place{sequence: s, kinds: []string{audit.Edited}}
	},
	"an update is edited": func(d tampering) place {
		s := d.ofUpdates()
		position := rapid.IntRange(0, d.updates(s)-1).Draw(d.t, "position")
		column := rapid.SampledFrom([]string{
			"verb", "position", "ends_at", "resource_type", "resource_id", "relation", "subject_type", "subject_id", "subject_relation", "on_type", "on_id", "person_id",
		}).Draw(d.t, "column")
		where := ` WHERE sequence = $1 AND position = $2`
		switch column {
		case "verb":
			d.exec(`UPDATE audit_updates SET verb = verb + `+rapid.SampledFrom([]string{"-1", "1", "2"}).Draw(d.t, "more")+where, s, position)
		case "position":
			d.exec(`UPDATE audit_updates SET position = position + `+rapid.SampledFrom([]string{"-10", "10"}).Draw(d.t, "more")+where, s, position)
		case "ends_at":
			d.exec(`UPDATE audit_updates SET ends_at = `+rapid.SampledFrom([]string{
				"CASE WHEN ends_at IS NULL THEN 1 END", "COALESCE(ends_at, 0) + 1", "COALESCE(ends_at, 0) - 1",
			}).Draw(d.t, "end")+where, s, position)
		default:
			text := d.other("audit_updates", column, "sequence = $1 AND position = $2", s, position)
			d.exec(`UPDATE audit_updates SET `+column+` = $3`+where, s, position, text)
		}
		return place{sequence: s, kinds: []string{audit.Edited}}
	},
	"an update goes to another record": func(d tampering) place {
		s, to := d.ofUpdates(), rapid.Int64Range(chainFirst-2, chainLast+2).Draw(d.t, "to")
		if s == to {
			to++
		}
		d.exec(`UPDATE audit_updates SET sequence = $1, position = $2 WHERE sequence = $3 AND position = $4`, to, d.updates(to), s, d.updates(s)-1)
		if to < chainFirst {
			return place{sequence: to, kinds: []string{audit.Inserted}}
		}
		return place{sequence: min(s, to), kinds: []string{audit.Edited}}
	},
	"an update is deleted": func(d tampering) place {
		s := d.ofUpdates()
		d.exec(`DELETE FROM audit_updates WHERE sequence = $1 AND position = $2`, s, rapid.IntRange(0, d.updates(s)-1).Draw(d.t, "position"))
		return place{sequence: s, kinds: []string{audit.Edited}}
	},
	"an update is inserted": func(d tampering) place {
		s := rapid.Int64Range(chainFirst-2, chainLast+3).Draw(d.t, "sequence")
		d.exec(`INSERT INTO audit_updates SELECT $1, $2, verb, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
			ends_at, on_type, on_id, person_id FROM audit_updates WHERE sequence = $3 AND position = 0`, s, d.updates(s), d.ofUpdates())
		switch {
		case s < chainFirst:
			return place{sequence: s, kinds: []string{audit.Inserted}}
		case s > chainLast:
			return place{sequence: chainLast + 1, kinds: []string{audit.Missing}}
		}
		return place{sequence: s, kinds: []string{audit.Edited}}
	},
	"records are deleted": func(d tampering) place {
		first := rapid.Int64Range(chainFirst, chainLast-1).Draw(d.t, "first")
		last := rapid.Int64Range(first, chainLast-1).Draw(d.t, "last")
		d.exec(`DELETE FROM audit_events WHERE sequence BETWEEN $1 AND $2`, first, last)
		if rapid.Bool().Draw(d.t, "with updates") {
			d.exec(`DELETE FROM audit_updates WHERE sequence BETWEEN $1 AND $2`, first, last)
		}
		return place{sequence: first, kinds: []string{audit.Missing}}
	},
	"a record has another number": func(d tampering) place {
		s := d.sequence()
		to := rapid.SampledFrom([]int64{-7, 0, 1, chainFirst - 1, chainLast + 1, chainLast + 2, 1 << 60}).Draw(d.t, "to")
		d.exec(`UPDATE audit_events SET sequence = $1 WHERE sequence = $2`, to, s)
		d.exec(`UPDATE audit_updates SET sequence = $1 WHERE sequence = $2`, to, s)
		if to < chainFirst {
			return place{sequence: to, kinds: []string{audit.Inserted}}
		}
		return place{sequence: s, kinds: []string{audit.Missing}}
	},
	"two records change places": func(d tampering) place {
		a, b := d.sequence(), d.sequence()
		if a == b {
			b = chainFirst + (a-chainFirst+1)%(chainLast-chainFirst+1)
		}
		for _, table := range []string{"audit_events", "audit_updates"} {
			d.exec(`UPDATE `+table+` SET sequence = 1000 WHERE sequence = $1`, a)
			d.exec(`UPDATE `+table+` SET sequence = $1 WHERE sequence = $2`, a, b)
			d.exec(`UPDATE `+table+` SET sequence = $1 WHERE sequence = 1000`, b)
		}
		return place{sequence: min(a, b), kinds: []string{audit.OutOfOrder}}
	},
	"the end is cut off": func(d tampering) place {
		s := d.sequence()
		d.exec(`DELETE FROM audit_events WHERE sequence >= $1`, s)
		if s%4 != 3 && rapid.Bool().Draw(d.t, "updates stay") {
			return place{sequence: s, kinds: []string{audit.Missing}}
		}
		d.exec(`DELETE FROM audit_updates WHERE sequence >= $1`, s)
		if s > chainCovered {
			return place{} // what no digest covers is nobody's loss
		}
		return place{sequence: s, kinds: []string{audit.Truncated}}
	},
	"a record is inserted in front": func(d tampering) place {
		s := rapid.Int64Range(-3, chainFirst-1).Draw(d.t, "sequence")
		d.exec(`INSERT INTO audit_events SELECT $1, 'new', gap_from, operation, actor_type, actor_id, reason, request_id, client_address, happened_at, hash
			FROM audit_events WHERE sequence = $2`, s, d.sequence())
		return place{sequence: s, kinds: []string{audit.Inserted}}
	},
	"a record is inserted behind": func(d tampering) place {
		d.exec(`INSERT INTO audit_events SELECT $1, 'new', gap_from, operation, actor_type, actor_id, reason, request_id, client_address, happened_at, hash
			FROM audit_events WHERE sequence = $2`, chainLast+1, d.sequence())
		return place{sequence: chainLast + 1, kinds: []string{audit.Edited}}
	},
	"all is written anew from a record on": func(d tampering) place {
		s := d.sequence()
		d.exec(`UPDATE audit_events SET reason = 'all is well' WHERE sequence = $1`, s)
		rehash(d.t, d.ctx, d.tx, s)
		for n, last := range chainDigests {
			if s <= last {
				return place{sequence: chainDigests[n-1] + 1, digest: int64(n) + 1, kinds: []string{audit.Rewritten}}
			}
		}
		return place{} // until the next digest, the chain vouches for itself alone
	},
	"a digest is edited": func(d tampering) place {
		n := rapid.Int64Range(1, 3).Draw(d.t, "number")
		column := rapid.SampledFrom([]string{"number", "first", "last", "signed_at", "hash", "previous", "key", "signature"}).Draw(d.t, "column")
		switch column {
		case "number":
			d.exec(`UPDATE audit_digests SET number = $1 WHERE number = $2`, rapid.Int64Range(4, 9).Draw(d.t, "to"), n)
		case "first", "last", "signed_at":
			d.exec(`UPDATE audit_digests SET `+column+` = `+column+` + $1 WHERE number = $2`, d.delta(), n)
		default:
			d.exec(`UPDATE audit_digests SET `+column+` = $1 WHERE number = $2`, d.other("audit_digests", column, "number = $1", n), n)
		}
		return place{digest: n, kinds: []string{audit.BadDigest, audit.UnknownKey}}
	},
	"a digest is deleted": func(d tampering) place {
		n := rapid.Int64Range(1, 3).Draw(d.t, "number")
		d.exec(`DELETE FROM audit_digests WHERE number = $1`, n)
		if n == 3 {
			return place{}
		}
		return place{digest: n, kinds: []string{audit.BadDigest}}
	},
	"a digest is inserted": func(d tampering) place {
		d.exec(`INSERT INTO audit_digests SELECT 4, last + 1, last + 3, hash, signed_at, previous, key, signature FROM audit_digests WHERE number = $1`,
			rapid.Int64Range(1, 3).Draw(d.t, "number"))
		return place{digest: 4, kinds: []string{audit.BadDigest}}
	},
	"the beginning is edited": func(d tampering) place {
		column := rapid.SampledFrom([]string{"first", "before", "signed_at", "hash", "key", "signature"}).Draw(d.t, "column")
		switch column {
		case "first", "before", "signed_at":
			d.exec(`UPDATE audit_beginning SET `+column+` = `+column+` + $1`, d.delta())
		default:
			d.exec(`UPDATE audit_beginning SET `+column+` = $1`, d.other("audit_beginning", column, "one = 1"))
		}
		var first int64
		require.NoError(d.t, d.tx.QueryRowContext(d.ctx, `SELECT first FROM audit_beginning`).Scan(&first))
		if first == 1 { // which follows none, and would follow one that is gone
			return place{sequence: 1, kinds: []string{audit.Edited}}
		}
		return place{kinds: []string{audit.BadDigest, audit.UnknownKey}}
	},
	"the beginning is deleted": func(d tampering) place {
		d.exec(`DELETE FROM audit_beginning`)
		return place{sequence: 1, kinds: []string{audit.Missing}}
	},
}

// TestTamperingIsFoundAtItsPlace, whatever was done to whichever record, column,
// digest: named is the first that is not as it was.
func TestTamperingIsFoundAtItsPlace(t *testing.T) {
	onEach(t, func(t *testing.T, db *sql.DB) {
		c := newChained(t, db)
		found, err := c.verify(t)
		require.NoError(t, err)
		assert.Equal(t, audit.Verified{
			Records: chainLast - chainFirst + 1, First: chainFirst, Last: chainLast, Digests: 3, Covered: chainCovered,
			SignedAt: c.anchor[2].At, DeletedAt: c.anchor[2].At,
		}, found)
		for name, tamper := range tamperings {
			t.Run(name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					tx, err := db.BeginTx(t.Context(), nil)
					require.NoError(rt, err)
					defer func() { _ = tx.Rollback() }()
					want := tamper(tampering{tx, t.Context(), rt})
					_, err = audit.Verify(t.Context(), audit.Kept(tx, audit.Span{}), c.trust, nil, unheard)
					if want.kinds == nil {
						require.NoError(rt, err)
						return
					}
					var fault *audit.Fault
					require.ErrorAs(rt, err, &fault)
					require.Contains(rt, want.kinds, fault.Kind, "%v", fault)
					require.Equal(rt, want.sequence, fault.Sequence, "%v", fault)
					if want.digest != 0 {
						require.Equal(rt, want.digest, fault.Digest, "%v", fault)
					}
				})
			})
		}
	})
}

// rehash computes hashes from a record on as docs/audit.md says, out of what is in
// the tables: as anybody else would.
func rehash(t require.TestingT, ctx context.Context, tx *sql.Tx, from int64) {
	for s := from; s <= chainLast; s++ {
		var previous string
		if err := tx.QueryRowContext(ctx, `SELECT hash FROM audit_events WHERE sequence = $1`, s-1).Scan(&previous); s == chainFirst {
			require.NoError(t, tx.QueryRowContext(ctx, `SELECT hash FROM audit_beginning`).Scan(&previous))
		} else {
			require.NoError(t, err)
		}
		_, err := tx.ExecContext(ctx, `UPDATE audit_events SET hash = $1 WHERE sequence = $2`, hashOf(t, ctx, tx, previous, s), s)
		require.NoError(t, err)
	}
}

func hashOf(t require.TestingT, ctx context.Context, tx *sql.Tx, previous string, s int64) string {
	sum := sha256.New()
	say := func(texts ...string) {
		for _, text := range texts {
			_, _ = fmt.Fprintf(sum, "%d:%s,", len(text), text)
		}
	}
	texts := func(columns, table string) {
		rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM `+table+` WHERE sequence = $1 ORDER BY 1`, s)
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		names, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			require.NoError(t, rows.Scan(into...))
			for _, v := range values {
				say(v.String)
			}
		}
		require.NoError(t, rows.Err())
	}
	say("gatehouse audit record 1", previous)
	texts(`sequence, moment, gap_from, operation, actor_type, actor_id, reason, request_id, client_address, happened_at`, "audit_events")
	texts(`position, CASE verb WHEN 0 THEN 'touch' ELSE 'delete' END, resource_type, resource_id, relation, subject_type, subject_id, subject_relation,
		ends_at, on_type, on_id, person_id`, "audit_updates")
	return hex.EncodeToString(sum.Sum(nil))
}
