package operations

import (
	"context"
	"crypto/sha256"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
)

// Accept takes up an invitation: the person the link was mailed to, signed in
// with that verified e-mail, gets the offered roles, provided that the inviter
// could still give them. All of that is one write, so of many attempts at once
// one succeeds. What was refused stays pending.
// Errors: NotFound (not_found), Forbidden (email_mismatch), Conflict
// (not_pending, inviter_lost_right, would_shorten, cleanup_under_way), Gone
// (revoked, replaced, expired).
func (o *Operations) Accept(ctx context.Context, by By, verified email.Address, token string) (Added, error) {
	profile, err := o.Directory.InvitationByToken(ctx, sha256.Sum256([]byte(token)))
	if err != nil {
		return Added{}, err
	}
	person := access.User(profile.InviteeID)
	if profile.Email != verified || by.Actor != person {
		return Added{}, access.Fail(access.Forbidden, "email_mismatch", "this invitation is for another e-mail address; sign in with the address it was sent to")
	}
	added := Added{}
	added.WrittenAt, err = o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("accept_invitation")}
		i, err := o.Invitation(ctx, profile.ID)
		if access.IsKind(err, access.NotFound) {
			i, err = Invitation{Status: Expired}, nil // all there was of it has ended
		}
		if err != nil {
			return w, "", err
		}
		if i.Status != Pending {
			return w, "", i.notPending()
		}
		i.settle(&w, "accepted_by", person)
		gone := i.Inviter == access.Object{} // they deleted their profile
		if !gone {
			err = o.requireRight(ctx, &w, i.Inviter, i.Object, givenBy(i.Roles)...)
		}
		if gone || access.IsKind(err, access.Forbidden) {
			err = access.Fail(access.Conflict, "inviter_lost_right", "whoever invited you may no longer do so; ask an admin to send the invitation again")
		}
		if err != nil {
			return w, "", err
		}
		site, err := o.site(ctx, i.Object)
		if err != nil {
			return w, "", err
		}
		known, err := o.knownTo(ctx, person, site, person)
		if err != nil {
			return w, "", err
		}
		p, err := grant{object: i.Object, site: site, person: person, roles: i.Roles, endsAt: i.RolesEndAt, known: known}.plan(ctx, o, &w)
		added.learn(p)
		return w, p.at, err
	})
	if err != nil {
		return Added{}, err
	}
	o.tidy(ctx, by, &added)
	people, err := o.Directory.PeopleByID(ctx, []string{profile.InviteeID})
	if err != nil {
		return Added{}, err
	}
	added.Person = people[profile.InviteeID]
	return added, nil
}
