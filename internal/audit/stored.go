package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// stored is an event as it was found, by whoever may have been at it.
type stored struct {
	access.AuditEvent
	stray bool // there are updates of it, and no event
	torn  bool // its updates are not numbered from 0 on
}

// events yields every event from a sequence on, in order.
func events(ctx context.Context, q querier, from int64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		const batch = 200
		for {
			var w where
			w.and("sequence >= %s", from)
			found, err := eventsWhere(ctx, q, w, fmt.Sprintf("ORDER BY sequence LIMIT %d", batch))
			if err != nil {
				yield(stored{}, err)
				return
			}
			more := len(found) == batch
			if more {
				w.and("sequence <= %s", found[batch-1].Sequence)
			}
			all, err := withUpdates(ctx, q, w, found)
			if err != nil {
				yield(stored{}, err)
				return
			}
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
				from = e.Sequence + 1
			}
			if !more || from == math.MinInt64 {
				return
			}
		}
	}
}

// withUpdates puts events and updates together that were found by the same condition.
func withUpdates(ctx context.Context, q querier, w where, found []access.AuditEvent) ([]stored, error) {
	var strays []stored
	all := make([]stored, len(found))
	for i, e := range found {
		all[i].AuditEvent = e
	}
	next := 0
	err := updatesWhere(ctx, q, w, func(sequence, position int64, u access.AuditUpdate) {
		for next < len(all) && all[next].Sequence < sequence {
			next++
		}
		if next == len(all) || all[next].Sequence != sequence {
			if n := len(strays); n == 0 || strays[n-1].Sequence != sequence {
				strays = append(strays, stored{AuditEvent: access.AuditEvent{Sequence: sequence}, stray: true})
			}
			return
		}
		e := &all[next]
		e.torn = e.torn || position != int64(len(e.Updates))
		e.Updates = append(e.Updates, u)
	})
	if len(strays) > 0 {
		all = append(all, strays...)
		slices.SortFunc(all, func(a, b stored) int { return int(min(max(a.Sequence-b.Sequence, -1), 1)) })
	}
	return all, err
}

const digestColumns = `number, first, last, hash, signed_at, previous, key, signature`

func digestValues(d Digest) []any {
	return []any{d.Number, d.First, d.Last, d.Hash, d.At.UnixMicro(), d.Previous, d.Key, d.Signature}
}

// digests yields every digest from a number on, in order.
func digests(ctx context.Context, q querier, from int64) iter.Seq2[Digest, error] {
	return func(yield func(Digest, error) bool) {
		const batch = 500
		for {
			some, err := digestsWhere(ctx, q, fmt.Sprintf(`WHERE number >= $1 ORDER BY number LIMIT %d`, batch), from)
			for _, d := range some {
				if !yield(d, nil) {
					return
				}
				from = d.Number + 1
			}
			if err != nil {
				yield(Digest{}, err)
				return
			}
			if len(some) < batch {
				return
			}
		}
	}
}

func digestsWhere(ctx context.Context, q querier, condition string, values ...any) (all []Digest, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+digestColumns+` FROM audit_digests `+condition, values...)
	if err != nil {
		return nil, down(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in Err
	for rows.Next() {
		var d Digest
		var at int64
		if err := rows.Scan(&d.Number, &d.First, &d.Last, &d.Hash, &at, &d.Previous, &d.Key, &d.Signature); err != nil {
			return nil, down(err)
		}
		d.At = time.UnixMicro(at).UTC()
		all = append(all, d)
	}
	return all, down(rows.Err())
}

// latestDigest is the one with the highest number; zero if there is none.
func latestDigest(ctx context.Context, q querier) (Digest, error) {
	all, err := digestsWhere(ctx, q, `ORDER BY number DESC LIMIT 1`)
	if err != nil || len(all) == 0 {
		return Digest{}, err
	}
	return all[0], nil
}

func insertDigest(ctx context.Context, tx *sql.Tx, d Digest) (inserted bool, err error) {
	values := digestValues(d)
	result, err := tx.ExecContext(ctx, `INSERT INTO audit_digests (`+digestColumns+`) VALUES `+tuple(0, len(values))+`
		ON CONFLICT (number) DO NOTHING`, values...)
	if err != nil {
		return false, down(err)
	}
	n, err := result.RowsAffected()
	return n > 0, down(err)
}

// beginning is what was signed when events were deleted on purpose; nil: none were.
func beginning(ctx context.Context, q querier) (*Beginning, error) {
	var b Beginning
	var before, at int64
	err := q.QueryRowContext(ctx, `SELECT first, hash, before, signed_at, key, signature FROM audit_beginning`).
		Scan(&b.First, &b.Hash, &before, &at, &b.Key, &b.Signature)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	b.Before, b.At = time.UnixMicro(before).UTC(), time.UnixMicro(at).UTC()
	return &b, down(err)
}

// setBeginning moves the beginning on, never back.
func setBeginning(ctx context.Context, tx *sql.Tx, b Beginning) (moved bool, err error) {
	result, err := tx.ExecContext(ctx, `
		INSERT INTO audit_beginning (one, first, hash, before, signed_at, key, signature) VALUES (1, $1, $2, $3, $4, $5, $6)
		ON CONFLICT (one) DO UPDATE SET first = excluded.first, hash = excluded.hash, before = excluded.before, signed_at = excluded.signed_at,
			key = excluded.key, signature = excluded.signature WHERE excluded.first > audit_beginning.first`,
		b.First, b.Hash, b.Before.UnixMicro(), b.At.UnixMicro(), b.Key, b.Signature)
	if err != nil {
		return false, down(err)
	}
	n, err := result.RowsAffected()
	return n > 0, down(err)
}
