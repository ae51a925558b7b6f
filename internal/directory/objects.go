package directory

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Objects = (*Directory)(nil)

// ReserveObject implements access.Objects. Whether an earlier claim still stands
// is never noted but read from the relationships, where creations commit: so no
// crash loses the names of an object, or keeps them for none.
func (d *Directory) ReserveObject(ctx context.Context, p access.ObjectProfile) (string, error) {
	claim := rand.Text()
	for {
		reserved, err := d.exec(ctx, `
			INSERT INTO objects (type, id, name, time_zone, customer_number, identifier, claim, claimed_at, external_reference, service_kind)
			VALUES ($1, $2, $3, $4, NULLIF($5, ''), NULLIF($6, ''), $7, $8, NULLIF($9, ''), NULLIF($10, '')) ON CONFLICT DO NOTHING`,
			p.Type, p.ID, p.Name, p.TimeZone, p.CustomerNumber, p.Identifier, claim, d.now().UnixMicro(), p.ExternalReference, p.ServiceKind)
		if err != nil {
			return "", err
		}
		if reserved {
			return claim, nil
		}
		if err := d.clearTheWay(ctx, p); err != nil {
			return "", err
		}
	}
}

// ReleaseObject implements access.Objects.
func (d *Directory) ReleaseObject(ctx context.Context, claim string) error {
	_, err := d.exec(ctx, `DELETE FROM objects WHERE claim = $1`, claim)
	return err
}

// ObjectsByID implements access.Objects. It includes claimed objects, for it is
// their relationships that say whether objects exist.
func (d *Directory) ObjectsByID(ctx context.Context, objects []access.Object) (map[access.Object]access.ObjectProfile, error) {
	keys := make([]any, 0, 2*len(objects))
	for _, o := range objects {
		keys = append(keys, o.Type, o.ID)
	}
	profiles := make(map[access.Object]access.ObjectProfile, len(objects))
	err := d.each(ctx, `
		SELECT type, id, name, time_zone, COALESCE(customer_number, ''), COALESCE(identifier, ''), COALESCE(external_reference, ''), COALESCE(service_kind, '')
		FROM objects WHERE (type, id) IN (%s)`, 2, keys, func(r row) error {
		var p access.ObjectProfile
		err := r.Scan(&p.Type, &p.ID, &p.Name, &p.TimeZone, &p.CustomerNumber, &p.Identifier, &p.ExternalReference, &p.ServiceKind)
		profiles[p.Object] = p
		return err
	})
	return profiles, err
}

// clearTheWay drops the abandoned claims on what is to be unique in a profile.
// Errors: Conflict (taken) if one of them was not abandoned.
func (d *Directory) clearTheWay(ctx context.Context, p access.ObjectProfile) error {
	for _, unique := range []struct {
		field, value, where string
		args                []any
	}{
		{"id", p.ID, `type = $1 AND id = $2`, []any{p.Type, p.ID}},
		{"customer number", p.CustomerNumber, `customer_number = $1`, []any{p.CustomerNumber}},
		{"identifier", p.Identifier, `identifier = $1`, []any{p.Identifier}},
	} {
		var holder access.Object
		var claim string
		var claimedAt int64
		err := d.db.QueryRowContext(ctx, `SELECT type, id, claim, claimed_at FROM objects WHERE `+unique.where, unique.args...).
			Scan(&holder.Type, &holder.ID, &claim, &claimedAt)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return down(err)
		}
		abandoned, err := d.abandoned(ctx, holder, instant(claimedAt))
		if err != nil {
			return err
		}
		if !abandoned {
			return access.Fail(access.Conflict, "taken", "the %s %q is taken", unique.field, unique.value)
		}
		if err := d.ReleaseObject(ctx, claim); err != nil {
			return err
		}
	}
	return nil
}

// abandoned reports whether a claim outlived its time without its object having
// been created.
func (d *Directory) abandoned(ctx context.Context, o access.Object, claimedAt time.Time) (bool, error) {
	if d.now().Sub(claimedAt) < access.ClaimTime {
		return false, nil
	}
	exists, err := d.exists(ctx, o)
	return !exists, err
}
