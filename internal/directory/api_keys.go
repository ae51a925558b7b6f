package directory

import (
	"context"
	"fmt"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.APIKeys = (*Directory)(nil)

// AddAPIKey implements access.APIKeys.
func (d *Directory) AddAPIKey(ctx context.Context, p access.APIKeyProfile) error {
	_, err := d.exec(ctx, `INSERT INTO api_keys (id, name, hash, created_at) VALUES ($1, $2, $3, $4)`,
		p.ID, p.Name, p.Hash[:], p.CreatedAt.UnixMicro())
	return err
}

// APIKeysByID implements access.APIKeys.
func (d *Directory) APIKeysByID(ctx context.Context, ids []string) (map[string]access.APIKeyProfile, error) {
	keys := make(map[string]access.APIKeyProfile, len(ids))
	err := d.each(ctx, `SELECT id, name, hash, created_at FROM api_keys WHERE id IN (%s)`, 1, binds(ids), func(r row) error {
		var p access.APIKeyProfile
		var hash []byte
		var createdAt int64
		if err := r.Scan(&p.ID, &p.Name, &hash, &createdAt); err != nil {
			return err
		}
		if copy(p.Hash[:], hash) != len(p.Hash) {
			return fmt.Errorf("the hash of API key %s has %d bytes", p.ID, len(hash))
		}
		p.CreatedAt = instant(createdAt)
		keys[p.ID] = p
		return nil
	})
	return keys, err
}
