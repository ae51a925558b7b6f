package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Applications = (*Directory)(nil)

// AddApplication implements access.Applications.
func (d *Directory) AddApplication(ctx context.Context, p access.ApplicationProfile) error {
	_, err := d.exec(ctx, `INSERT INTO applications (id, name, created_by, created_at) VALUES ($1, $2, $3, $4)`,
		p.ID, p.Name, p.CreatedBy, p.CreatedAt.UnixMicro())
	return err
}

// ApplicationsByID implements access.Applications.
func (d *Directory) ApplicationsByID(ctx context.Context, ids []string) (map[string]access.ApplicationProfile, error) {
	found := make(map[string]access.ApplicationProfile, len(ids))
	err := d.each(ctx, `SELECT id, name, created_by, created_at FROM applications WHERE id IN (%s)`, 1, binds(ids), func(r row) error {
		var p access.ApplicationProfile
		var createdAt int64
		if err := r.Scan(&p.ID, &p.Name, &p.CreatedBy, &createdAt); err != nil {
			return err
		}
		p.CreatedAt = instant(createdAt)
		found[p.ID] = p
		return nil
	})
	return found, err
}

// AddApplicationKey implements access.Applications.
func (d *Directory) AddApplicationKey(ctx context.Context, p access.ApplicationKeyProfile) error {
	_, err := d.exec(ctx, `
		INSERT INTO application_keys (id, application_id, hash, prefix, created_at, last_used_at) VALUES ($1, $2, $3, $4, $5, 0)`,
		p.ID, p.ApplicationID, p.Hash[:], p.Prefix, p.CreatedAt.UnixMicro())
	return err
}

const selectKeys = `SELECT id, application_id, hash, prefix, created_at, last_used_at FROM application_keys WHERE `

// ApplicationKeysByID implements access.Applications.
func (d *Directory) ApplicationKeysByID(ctx context.Context, ids []string) (map[string]access.ApplicationKeyProfile, error) {
	found := make(map[string]access.ApplicationKeyProfile, len(ids))
	err := d.each(ctx, selectKeys+`id IN (%s)`, 1, binds(ids), func(r row) error {
		p, err := applicationKey(r)
		found[p.ID] = p
		return err
	})
	return found, err
}

// ApplicationKeyByHash implements access.Applications.
func (d *Directory) ApplicationKeyByHash(ctx context.Context, hash [32]byte) (access.ApplicationKeyProfile, error) {
	p, err := applicationKey(d.db.QueryRowContext(ctx, selectKeys+`hash = $1`, hash[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return p, access.Fail(access.NotFound, "not_found", "there is no such key")
	} else if err != nil {
		return p, down(err)
	}
	return p, nil
}

func applicationKey(r row) (p access.ApplicationKeyProfile, err error) {
	var hash []byte
	var createdAt, lastUsedAt int64
	if err := r.Scan(&p.ID, &p.ApplicationID, &hash, &p.Prefix, &createdAt, &lastUsedAt); err != nil {
		return p, err
	}
	if copy(p.Hash[:], hash) != len(p.Hash) {
		return p, fmt.Errorf("the hash of key %s has %d bytes", p.ID, len(hash))
	}
	p.CreatedAt = instant(createdAt)
	if lastUsedAt != 0 {
		p.LastUsedAt = instant(lastUsedAt)
	}
	return p, nil
}

// KeyUsed implements access.Applications.
func (d *Directory) KeyUsed(ctx context.Context, keyID string, at time.Time) error {
	_, err := d.exec(ctx, `UPDATE application_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, keyID, at.UnixMicro())
	return err
}
