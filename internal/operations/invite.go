package operations

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// How long an invitation may be open (domain §4).
const (
	DefaultExpiry  = 7 * 24 * time.Hour
	ShortestExpiry = time.Hour
	LongestExpiry  = 30 * 24 * time.Hour
)

// Invite offers a person roles on an object, until the end of the last day, if one
// is named, or for good. The offer stands for as long as the expiry says or, if
// that is zero, for a week, but no longer than the roles would. A pending invitation of the same
// person to the same object is replaced. The mail follows from the commit. What
// is returned is the same for a known person, an unknown one, and one who has the
// roles already.
// Errors: Invalid (invalid_email, invalid_name, invalid_expiry, unknown_role,
// role_required, exclusive_roles, role_does_not_end, past_date), NotFound (not_found).
func (o *Operations) Invite(ctx context.Context, by By, object access.Object, n Newcomer, roleIDs []string, last *access.Day, expiry time.Duration) (Invitation, access.Token, error) {
	if expiry == 0 {
		expiry = DefaultExpiry
	}
	if expiry < ShortestExpiry || expiry > LongestExpiry {
		return Invitation{}, "", access.Fail(access.Invalid, "invalid_expiry", "expires_in must be between %d and %d seconds",
			int(ShortestExpiry.Seconds()), int(LongestExpiry.Seconds()))
	}
	offered, err := roles.Members(object.Type, roleIDs)
	if err != nil {
		return Invitation{}, "", err
	}
	endsAt, err := o.endOf(ctx, object, last, offered...)
	if err != nil {
		return Invitation{}, "", err
	}
	person, err := o.newcomer(ctx, n)
	if err != nil {
		return Invitation{}, "", err
	}
	return o.invite(ctx, by, "invite", Invitation{
		Object: object, Roles: offered, InviteeID: person.ID, Email: person.Email, RolesEndAt: endsAt,
	}, expiry)
}

// invite commits a new invitation like the draft, in place of one that is pending
// and of those it resends.
func (o *Operations) invite(ctx context.Context, by By, operation string, draft Invitation, expiry time.Duration, resends ...string) (Invitation, access.Token, error) {
	now := o.Now().UTC().Truncate(time.Second)
	i := draft
	i.ID = invitationPrefix(draft.Object) + o.NewID()
	i.Status, i.Inviter = Pending, by.Actor
	i.CreatedAt, i.ExpiresAt = now, now.Add(expiry)
	if !i.RolesEndAt.IsZero() && i.RolesEndAt.Before(i.ExpiresAt) {
		i.ExpiresAt = i.RolesEndAt
	}

	// The profile comes first: an orphan is harmless, while an invitation
	// nobody can be mailed is not.
	if err := o.Directory.AddInvitation(ctx, access.InvitationProfile{
		ID: i.ID, InviteeID: i.InviteeID, Email: i.Email, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
	}); err != nil {
		return Invitation{}, "", err
	}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause(operation)}
		if err := o.requireRight(ctx, &w, by.Actor, i.Object, givenBy(i.Roles)...); err != nil {
			return w, "", err
		}
		if err := o.missing(ctx, i.Object); err != nil {
			return w, "", err
		}
		open := access.Filter{
			ResourceType: access.TypeInvitation, ResourceIDPrefix: invitationPrefix(i.Object), Relation: "invitee",
		}.To(access.User(i.InviteeID))
		pending, at, err := o.Relationships.Read(ctx, open)
		if err != nil {
			return w, "", err
		}
		expired := slices.Clone(resends)
		for _, tie := range pending {
			w.Replace(tie)
			w.Touch(access.Relate(tie.Resource, "replaced_by", i.object()))
			expired = slices.DeleteFunc(expired, func(id string) bool { return id == tie.Resource.ID })
		}
		if len(pending) == 0 {
			w.Require(access.MustNotMatch(open))
		}
		for _, id := range expired {
			if err := o.replaceExpired(ctx, &w, id, i); err != nil {
				return w, "", err
			}
		}
		w.Require(exists(i.Object)...)
		w.Require(access.MustNotMatch(access.Filter{}.To(i.object()))) // new, so a leaf
		w.Touch(i.pendingTie(), access.Relate(i.object(), "inviter", i.Inviter))
		for _, role := range i.Roles {
			offer := access.Relate(i.object(), role.Offer(), i.Object)
			offer.EndsAt = i.RolesEndAt
			w.Touch(offer)
		}
		return w, at, nil
	})
	return i, at, err
}

// replaceExpired marks an invitation that nobody can accept any more as replaced.
func (o *Operations) replaceExpired(ctx context.Context, w *access.Write, id string, by Invitation) error {
	old, err := o.Invitation(ctx, id)
	if err != nil {
		return err
	}
	if old.Status != Expired {
		return old.notPending()
	}
	w.Require(access.MustNotMatch(access.On(old.object(), "replaced_by")))
	w.Touch(access.Relate(old.object(), "replaced_by", by.object()))
	return nil
}
