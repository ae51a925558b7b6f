package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// span is how many events a digest covers at most: what retention deletes at once.
const span = 1000

// Sealer signs digests of a Log, and deletes what was kept long enough. One at a
// time of those on one database need do so, and several may.
type Sealer struct {
	Log *Log
	Key *Key
	// Every is how long an event waits for its digest, unless many come first.
	Every time.Duration
	// Retention is how long events are kept; zero: for ever.
	Retention time.Duration
	// File is what digests are appended to, one in a line, besides; empty: nothing.
	File string

	covered int64     // the last event of the latest digest
	waiting time.Time // since when there was an event after it, as far as this process knows
	expired time.Time // when it was last looked for what is too old
}

// Open makes sure that digests can be written.
func (s *Sealer) Open() error { return s.append(nil) }

// Due says whether Seal has something to do.
func (s *Sealer) Due() bool {
	last, now := s.Log.last.Load(), s.Log.now()
	if s.Retention > 0 && now.Sub(s.expired) >= hourly {
		return true
	}
	switch {
	case last <= s.covered:
		s.waiting = time.Time{}
		return false
	case s.waiting.IsZero():
		s.waiting = now
	}
	return last-s.covered >= span || now.Sub(s.waiting) >= s.Every
}

// Seal signs digests of all events that no digest covers, and once an hour deletes
// those that were kept long enough.
// Errors: Unavailable; those of the file.
func (s *Sealer) Seal(ctx context.Context) error {
	if err := s.cover(ctx); err != nil {
		return err
	}
	if now := s.now(); s.Retention > 0 && now.Sub(s.expired) >= hourly {
		if err := s.expireAll(ctx, now); err != nil {
			return err
		}
		s.expired = now
	}
	return nil
}

// cover signs digests of all events that no digest covers.
func (s *Sealer) cover(ctx context.Context) error {
	for {
		d, err := s.next(ctx)
		if err != nil || d == nil {
			return err
		}
		ours := false
		if err := within(ctx, s.Log.db, func(tx *sql.Tx) (err error) {
			ours, err = insertDigest(ctx, tx, *d)
			return err
		}); err != nil {
			return err
		}
		if ours { // or else another server was first
			if err := s.append(d); err != nil {
				return err
			}
		}
	}
}

// next is the digest that comes next; nil if there is nothing to cover.
func (s *Sealer) next(ctx context.Context) (*Digest, error) {
	before, err := latestDigest(ctx, s.Log.db)
	if err != nil {
		return nil, err
	}
	s.covered, s.waiting = before.Last, time.Time{}
	var end link
	err = s.Log.db.QueryRowContext(ctx, `SELECT sequence, hash FROM audit_events WHERE sequence <= $1 ORDER BY sequence DESC LIMIT 1`,
		before.Last+span).Scan(&end.sequence, &end.hash)
	if errors.Is(err, sql.ErrNoRows) || err == nil && end.sequence <= before.Last {
		return nil, nil
	}
	if err != nil {
		return nil, down(err)
	}
	d := Digest{Number: before.Number + 1, First: before.Last + 1, Last: end.sequence, Hash: end.hash, At: s.now()}
	if before.Number > 0 {
		d.Previous = before.encoding().hash()
	}
	d = s.Key.signDigest(d)
	return &d, nil
}

// Unsigned tells when the oldest event happened that no digest covers; zero if all are.
func (l *Log) Unsigned(ctx context.Context) (time.Time, error) {
	var at int64
	err := l.db.QueryRowContext(ctx, `
		SELECT happened_at FROM audit_events WHERE sequence > COALESCE((SELECT last FROM audit_digests ORDER BY number DESC LIMIT 1), 0) ORDER BY sequence LIMIT 1`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, down(err)
	}
	return time.UnixMicro(at).UTC(), nil
}

func (s *Sealer) now() time.Time { return s.Log.now().UTC().Truncate(time.Microsecond) }

// append adds a digest to the file, if there is to be one, and has it on the disk.
func (s *Sealer) append(d *Digest) (err error) {
	if s.File == "" {
		return nil
	}
	file, err := os.OpenFile(s.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the file of digests: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if d == nil {
		return nil
	}
	text, err := Line{Digest: d}.text()
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return fmt.Errorf("write to the file of digests: %w", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return file.Sync()
}

// hourly is how often it is looked for events that are too old.
const hourly = time.Hour

// expireAll deletes the events that were kept long enough: from the front, and whole
// digests of them, which stay. Each time it signs where the chain begins from then on.
func (s *Sealer) expireAll(ctx context.Context, now time.Time) error {
	for {
		if n, err := s.expire(ctx, now); err != nil || n == 0 {
			return err
		}
	}
}

// expire deletes what the first digest covers that covers anything, if all of it is
// too old.
func (s *Sealer) expire(ctx context.Context, now time.Time) (deleted int64, err error) {
	err = within(ctx, s.Log.db, func(tx *sql.Tx) error {
		var first int64
		err := tx.QueryRowContext(ctx, `SELECT sequence FROM audit_events ORDER BY sequence LIMIT 1`).Scan(&first)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return down(err)
		}
		found, err := digestsWhere(ctx, tx, `WHERE last >= $1 ORDER BY number LIMIT 1`, first)
		if err != nil || len(found) == 0 {
			return err
		}
		d, oldest := found[0], now.Add(-s.Retention).Truncate(time.Microsecond)
		var kept bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM audit_events WHERE sequence <= $1 AND happened_at >= $2)`,
			d.Last, oldest.UnixMicro()).Scan(&kept); err != nil || kept || !d.At.Before(oldest) {
			return down(err)
		}
		// Another server may have been here meanwhile.
		b := s.Key.signBeginning(Beginning{First: d.Last + 1, Hash: d.Hash, Before: oldest, At: now})
		if moved, err := setBeginning(ctx, tx, b); err != nil || !moved {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM audit_updates WHERE sequence <= $1`, d.Last); err != nil {
			return down(err)
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM audit_events WHERE sequence <= $1`, d.Last)
		if err != nil {
			return down(err)
		}
		deleted, err = result.RowsAffected()
		return down(err)
	})
	return deleted, err
}
