package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/gatehouse/gatehouse/internal/access"
)

// What hashes and signatures are of begins with what it is, so that nothing passes
// for something else; the number is that of the format (docs/audit.md).
const (
	recordFormat    = "gatehouse audit record 1"
	digestFormat    = "gatehouse audit digest 1"
	beginningFormat = "gatehouse audit beginning 1"
)

// fields are encoded one behind the other as netstrings, "5:hello,": no two lists of
// fields have one encoding, and any language can write it.
type fields []byte

func (f *fields) text(texts ...string) {
	for _, t := range texts {
		*f = strconv.AppendInt(*f, int64(len(t)), 10)
		*f = append(*f, ':')
		*f = append(*f, t...)
		*f = append(*f, ',')
	}
}

func (f *fields) number(n int64) { f.text(strconv.FormatInt(n, 10)) }

func (f fields) hash() string {
	sum := sha256.Sum256(f)
	return hex.EncodeToString(sum[:])
}

// encoding is what the hash of a record is of: the hash before it, and all it says.
func (r *Record) encoding(previous string) fields {
	f := make(fields, 0, 512+256*len(r.Updates))
	f.text(recordFormat, previous)
	f.number(r.Sequence)
	f.text(r.Moment, r.GapFrom, r.Operation, r.ActorType, r.ActorID, r.Reason, r.RequestID, r.ClientAddress)
	f.number(r.At.UnixMicro())
	for position, u := range r.Updates {
		f.number(int64(position))
		f.text(u.Verb, u.ResourceType, u.ResourceID, u.Relation, u.SubjectType, u.SubjectID, u.SubjectRelation)
		if u.EndsAt == nil {
			f.text("")
		} else {
			f.number(u.EndsAt.UnixMicro())
		}
		f.text(u.OnType, u.OnID, u.PersonID)
	}
	return f
}

// hash is what the hash of an event is, behind another.
func hash(previous string, e access.AuditEvent) string {
	return recordOf(stored{AuditEvent: e}).encoding(previous).hash()
}

// verb is a verb in words, and one that there is not as it is.
func verb(v access.Verb) string {
	switch v {
	case access.Touch:
		return "touch"
	case access.Delete:
		return "delete"
	}
	return strconv.Itoa(int(v))
}

// link is where a chain has come to.
type link struct {
	sequence int64
	hash     string
}

// head is where the next event follows. Digests outlive the events they cover, and
// what somebody took away at the end shows as a gap.
func head(ctx context.Context, q querier) (l link, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT sequence, hash FROM (
			SELECT * FROM (SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1) AS events
			UNION ALL
			SELECT * FROM (SELECT last AS sequence, hash FROM audit_digests ORDER BY number DESC LIMIT 1) AS digests
		) AS ends ORDER BY sequence DESC LIMIT 1`).Scan(&l.sequence, &l.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return link{}, nil
	}
	return l, down(err)
}

// chain gives events that have none their hashes, as they are: those from before
// there were hashes.
func chain(ctx context.Context, tx *sql.Tx) error {
	previous := ""
	for e, err := range events(ctx, tx, 0) {
		if err != nil {
			return err
		}
		previous = hash(previous, e.AuditEvent)
		if _, err := tx.ExecContext(ctx, `UPDATE audit_events SET hash = $1 WHERE sequence = $2`, previous, e.Sequence); err != nil {
			return down(err)
		}
	}
	return nil
}

// Chained makes sure that there is a chain. Errors: it is an audit from before there
// were hashes, or there is none.
func Chained(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, `SELECT hash FROM audit_events LIMIT 0`)
	if err != nil {
		return fmt.Errorf("the audit has no hashes yet: start this version of the server on it once: %w", err)
	}
	return rows.Close()
}
