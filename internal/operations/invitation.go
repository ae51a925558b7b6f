package operations

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Status is where an invitation stands. It is read off relationships.
type Status string

// The statuses. Only a pending invitation can be accepted.
const (
	Pending  Status = "pending"
	Accepted Status = "accepted"
	Revoked  Status = "revoked"
	Replaced Status = "replaced"
	Expired  Status = "expired"
)

// Invitation is an offer of roles on one object to one person.
type Invitation struct {
	ID        string
	Status    Status
	Object    access.Object
	Roles     []roles.Role
	Inviter   access.Object
	Email     email.Address
	InviteeID string
	CreatedAt time.Time
	ExpiresAt time.Time

	// RolesEndAt is when the roles would end; zero: never.
	RolesEndAt time.Time
}

func (i Invitation) object() access.Object {
	return access.Object{Type: access.TypeInvitation, ID: i.ID}
}

// pendingTie is the relationship that makes the invitation pending.
func (i Invitation) pendingTie() access.Relationship {
	r := access.Relate(i.object(), "invitee", access.User(i.InviteeID))
	r.EndsAt = i.ExpiresAt
	return r
}

// settle ends the invitation with an outcome, if it is still pending.
func (i Invitation) settle(w *access.Write, outcome string, by access.Object) {
	w.Replace(i.pendingTie())
	w.Touch(access.Relate(i.object(), outcome, by))
}

// invitationPrefix begins the ids of all invitations to one object. So one
// precondition can say that nobody else invited the same person to it meanwhile,
// and one filter finds them all.
func invitationPrefix(object access.Object) string {
	sum := sha256.Sum256([]byte(object.String()))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10])) + "-"
}

// Invitation returns one invitation.
// Errors: NotFound (not_found).
func (o *Operations) Invitation(ctx context.Context, id string) (Invitation, error) {
	found, _, err := o.read(ctx, access.Filter{ResourceType: access.TypeInvitation, ResourceID: id})
	if err != nil {
		return Invitation{}, err
	}
	if len(found) == 0 {
		return Invitation{}, access.Fail(access.NotFound, "not_found", "there is no such invitation")
	}
	return found[0], nil
}

// Invitations returns a page of the invitations to an object, newest first,
// those in one status if that is not empty.
func (o *Operations) Invitations(ctx context.Context, object access.Object, status Status, page access.Page) ([]Invitation, string, error) {
	found, _, err := o.read(ctx, access.Filter{ResourceType: access.TypeInvitation, ResourceIDPrefix: invitationPrefix(object)})
	if err != nil {
		return nil, "", err
	}
	found = slices.DeleteFunc(found, func(i Invitation) bool { return i.Object != object || status != "" && i.Status != status })
	return access.Cut(found, page, func(i Invitation) string { return i.ID }, func(a, b string) int { return cmp.Compare(b, a) })
}

// read assembles the invitations that relationships matching the filter belong
// to, with the moment they were read at.
func (o *Operations) read(ctx context.Context, f access.Filter) ([]Invitation, access.Token, error) {
	relationships, at, err := o.Relationships.Read(ctx, f)
	if err != nil {
		return nil, "", err
	}
	byID := map[string]*Invitation{}
	var ids []string
	for _, r := range relationships {
		i := byID[r.Resource.ID]
		if i == nil {
			i = &Invitation{ID: r.Resource.ID, Status: Expired}
			byID[i.ID], ids = i, append(ids, i.ID)
		}
		i.learn(r)
	}
	profiles, err := o.Directory.InvitationsByID(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	var found []Invitation
	for _, id := range ids {
		if p, ok := profiles[id]; ok {
			i := byID[id]
			i.Email, i.InviteeID, i.CreatedAt, i.ExpiresAt = p.Email, p.InviteeID, p.CreatedAt, p.ExpiresAt
			found = append(found, *i)
		}
	}
	return found, at, nil
}

// learn takes in one relationship of the invitation. The tie to the invitee ends
// by itself, so an invitation without it and without an outcome has expired.
func (i *Invitation) learn(r access.Relationship) {
	switch r.Relation {
	case "invitee":
		i.Status = Pending
	case "accepted_by":
		i.Status = Accepted
	case "revoked_by":
		i.Status = Revoked
	case "replaced_by":
		i.Status = Replaced
	case "inviter":
		i.Inviter = r.Subject.Object
	default:
		for _, role := range roles.On(r.Subject.Type) {
			if role.Offer() == r.Relation {
				i.Object, i.Roles, i.RolesEndAt = r.Subject.Object, append(i.Roles, role), r.EndsAt
			}
		}
	}
}

// notPending says why an invitation cannot be accepted, revoked or resent.
func (i Invitation) notPending() error {
	switch i.Status {
	case Accepted:
		return access.Fail(access.Conflict, "not_pending", "the invitation was accepted already")
	case Revoked:
		return access.Fail(access.Gone, "revoked", "the invitation was revoked")
	case Replaced:
		return access.Fail(access.Gone, "replaced", "a newer invitation replaced this one")
	default:
		return access.Fail(access.Gone, "expired", "the invitation has expired, ask for a new one")
	}
}
