package directory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Replays = (*Directory)(nil)

const (
	keptFor   = 24 * time.Hour
	lostAfter = time.Minute
)

// Begin implements access.Replays.
func (d *Directory) Begin(ctx context.Context, personID, key string, fingerprint [32]byte) (*access.Reply, error) {
	now := d.now()
	expired := now.Add(-keptFor).UnixMicro()
	if err := d.forget(ctx, expired); err != nil {
		return nil, err
	}
	begun, err := d.exec(ctx, `
		INSERT INTO replays (person_id, idempotency_key, fingerprint, begun_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person_id, idempotency_key) DO UPDATE
		SET fingerprint = excluded.fingerprint, begun_at = excluded.begun_at, status = NULL, body = NULL
		WHERE replays.begun_at <= $5
			OR replays.begun_at <= $6 AND replays.status IS NULL AND replays.fingerprint = excluded.fingerprint`,
		personID, key, fingerprint[:], now.UnixMicro(), expired, now.Add(-lostAfter).UnixMicro())
	if err != nil || begun {
		return nil, err
	}
	return d.earlier(ctx, personID, key, fingerprint)
}

// Finish implements access.Replays. The first answer stays.
func (d *Directory) Finish(ctx context.Context, personID, key string, r access.Reply) error {
	_, err := d.exec(ctx, `
		UPDATE replays SET status = $3, body = $4 WHERE person_id = $1 AND idempotency_key = $2 AND status IS NULL`,
		personID, key, r.Status, r.Body)
	return err
}

// Abandon implements access.Replays. An answer stays.
func (d *Directory) Abandon(ctx context.Context, personID, key string) error {
	_, err := d.exec(ctx, `DELETE FROM replays WHERE person_id = $1 AND idempotency_key = $2 AND status IS NULL`,
		personID, key)
	return err
}

// forget deletes expired keys: a few each time, yet more than Begin adds.
func (d *Directory) forget(ctx context.Context, expired int64) error {
	_, err := d.exec(ctx, `
		DELETE FROM replays WHERE (person_id, idempotency_key) IN (
			SELECT person_id, idempotency_key FROM replays WHERE begun_at <= $1 ORDER BY begun_at LIMIT 10)`, expired)
	return err
}

func (d *Directory) earlier(ctx context.Context, personID, key string, fingerprint [32]byte) (*access.Reply, error) {
	inProgress := access.Fail(access.Conflict, "in_progress", "the first request with this Idempotency-Key has not been answered yet")
	var first, body []byte
	var status sql.NullInt64
	err := d.db.QueryRowContext(ctx, `
		SELECT fingerprint, status, body FROM replays WHERE person_id = $1 AND idempotency_key = $2`,
		personID, key).Scan(&first, &status, &body)
	switch {
	case errors.Is(err, sql.ErrNoRows): // abandoned just now
		return nil, inProgress
	case err != nil:
		return nil, down(err)
	case !bytes.Equal(first, fingerprint[:]):
		return nil, access.Fail(access.Invalid, "idempotency_key_reused", "this Idempotency-Key was used with another request")
	case !status.Valid:
		return nil, inProgress
	}
	return &access.Reply{Status: int(status.Int64), Body: body}, nil
}
