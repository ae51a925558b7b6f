package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse/gatehouse/internal/access"
)

var _ access.Invitations = (*Directory)(nil)

// AddInvitation implements access.Invitations.
func (d *Directory) AddInvitation(ctx context.Context, p access.InvitationProfile) error {
	_, err := d.exec(ctx, `
		INSERT INTO invitations (id, invitee_id, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		p.ID, p.InviteeID, string(p.Email), p.CreatedAt.UnixMicro(), p.ExpiresAt.UnixMicro())
	return err
}

// InvitationsByID implements access.Invitations.
func (d *Directory) InvitationsByID(ctx context.Context, ids []string) (map[string]access.InvitationProfile, error) {
	invitations := make(map[string]access.InvitationProfile, len(ids))
	err := d.each(ctx, selectInvitations+`id IN (%s)`, 1, binds(ids), func(r row) error {
		p, err := scanInvitation(r)
		invitations[p.ID] = p
		return err
	})
	return invitations, err
}

// AddInvitationToken implements access.Invitations.
func (d *Directory) AddInvitationToken(ctx context.Context, invitationID string, hash [32]byte) error {
	_, err := d.exec(ctx, `INSERT INTO invitation_tokens (hash, invitation_id) VALUES ($1, $2)`, hash[:], invitationID)
	return err
}

// InvitationByToken implements access.Invitations.
func (d *Directory) InvitationByToken(ctx context.Context, hash [32]byte) (access.InvitationProfile, error) {
	p, err := scanInvitation(d.db.QueryRowContext(ctx,
		selectInvitations+`id = (SELECT invitation_id FROM invitation_tokens WHERE hash = $1)`, hash[:]))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return access.InvitationProfile{}, access.Fail(access.NotFound, "not_found", "there is no such invitation")
	case err != nil:
		return access.InvitationProfile{}, down(err)
	}
	return p, nil
}

const selectInvitations = `SELECT id, invitee_id, email, created_at, expires_at FROM invitations WHERE `

func scanInvitation(r row) (access.InvitationProfile, error) {
	var p access.InvitationProfile
	var createdAt, expiresAt int64
	err := r.Scan(&p.ID, &p.InviteeID, &p.Email, &createdAt, &expiresAt)
	p.CreatedAt, p.ExpiresAt = instant(createdAt), instant(expiresAt)
	return p, err
}
