package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Remove takes every role from a member of an object; on a partner, it removes them
// from the whole site. Removing who has nothing there changes nothing.
// Errors: Forbidden, Conflict (self_removal, last_admin).
func (o *Operations) Remove(ctx context.Context, by By, object, person access.Object) (access.Token, error) {
	if object.Type == access.TypePartner {
		return o.removeFromSite(ctx, by, object, person)
	}
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("remove")}
		if err := o.missing(ctx, object); err != nil {
			return w, "", err
		}
		found, held, at, err := o.member(ctx, object, person)
		if access.IsKind(err, access.NotFound) {
			for _, role := range roles.On(object.Type) {
				w.Settle(role.For(object, person))
			}
			at, err = o.Relationships.Head(ctx)
			return w, at, err
		} else if err != nil {
			return w, "", err
		}
		for _, role := range roles.On(object.Type) {
			if err := o.change(ctx, &w, by, role, held, nil); err != nil {
				return w, "", err
			}
		}
		return w, at, o.guard(&w, object, found)
	})
}

// removeFromSite commits the end of everything a person has in a site, however
// much that is: the schema subtracts who was removed. What they held is deleted
// afterwards (Tidy), which is why it is marked as under way (C9-6).
func (o *Operations) removeFromSite(ctx context.Context, by By, partner, person access.Object) (access.Token, error) {
	if by.Actor == person {
		return "", access.Fail(access.Conflict, "self_removal", "nobody removes themself from a site; another admin can")
	}
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("remove_from_site")}
		if err := o.missing(ctx, partner); err != nil {
			return w, "", err
		}
		found, at, err := o.Relationships.Read(ctx, guardFilters(partner)...)
		if err != nil {
			return w, "", err
		}
		inSite, err := o.rolesInSite(ctx, partner, person)
		if err != nil {
			return w, "", err
		}
		invited, err := o.pendingInSite(ctx, partner, person)
		if err != nil {
			return w, "", err
		}
		removed := access.Relate(partner, "removed", person)
		if outlasts(found, removed) || len(inSite)+len(invited) == 0 {
			w.Settle(removed)
			return w, at, nil
		}
		right, admin := "manage_people", access.On(partner, "admin").To(person)
		for _, e := range inSite {
			if e.held.Resource == partner {
				right = e.role.TakenBy
				w.Replace(e.held)
			}
		}
		if !slices.ContainsFunc(w.Preconditions, func(p access.Precondition) bool { return p.Filter == admin }) {
			w.Require(access.MustNotMatch(admin)) // or it would take another right, and the guard
		}
		if err := o.requireRight(ctx, &w, by.Actor, partner, right); err != nil {
			return w, "", err
		}
		w.Require(access.MustNotMatch(access.Exactly(removed)))
		w.Touch(removed, access.Relate(partner, "removing", person))
		return w, at, o.guard(&w, partner, found)
	})
}

// pendingInSite lists the ties of the invitations that somebody could still accept
// in a site, with what they are to.
func (o *Operations) pendingInSite(ctx context.Context, site, person access.Object) ([]access.Relationship, error) {
	ties, _, err := o.Relationships.Read(ctx, access.Filter{ResourceType: access.TypeInvitation, Relation: "invitee"}.To(person))
	if err != nil || len(ties) == 0 {
		return nil, err
	}
	var offers []access.Filter
	for _, tie := range ties {
		offers = append(offers, access.On(tie.Resource, ""))
	}
	found, _, err := o.Relationships.Read(ctx, offers...)
	if err != nil {
		return nil, err
	}
	objects := map[access.Object]access.Object{} // offered, by invitation
	for _, r := range found {
		if _, ok := roles.KindOf(r.Subject.Type); ok {
			objects[r.Resource] = r.Subject.Object
		}
	}
	var inSite []access.Relationship
	for _, tie := range ties {
		root, err := o.site(ctx, objects[tie.Resource])
		if access.IsKind(err, access.NotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		if root == site {
			inSite = append(inSite, tie)
		}
	}
	return inSite, nil
}

// Tidy deletes what somebody who was removed from a site held there, in as many
// writes as it takes, and last the mark that says it is under way. It can be
// repeated from anywhere.
func (o *Operations) Tidy(ctx context.Context, by By, partner, person access.Object) error {
	removing := access.Relate(partner, "removing", person)
	_, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("tidy_removed")}
		marked, at, err := o.Relationships.Read(ctx, access.Exactly(removing))
		if err != nil || len(marked) == 0 {
			return w, at, err
		}
		inSite, err := o.rolesInSite(ctx, partner, person)
		if err != nil {
			return w, "", err
		}
		invited, err := o.pendingInSite(ctx, partner, person)
		if err != nil {
			return w, "", err
		}
		for len(inSite)+len(invited) > most {
			some := access.Write{Cause: w.Cause}
			for len(some.Updates) < most && len(inSite) > 0 {
				some.Delete(inSite[0].held)
				inSite = inSite[1:]
			}
			for len(some.Updates) < most && len(invited) > 0 {
				some.Delete(invited[0])
				invited = invited[1:]
			}
			some.Require(access.MustMatch(access.Exactly(removing)))
			if _, err := o.write(ctx, some); err != nil {
				return w, "", err
			}
		}
		for _, e := range inSite {
			w.Delete(e.held)
		}
		for _, tie := range invited {
			w.Delete(tie)
			if by.Actor.Type == access.TypeUser {
				w.Touch(access.Relate(tie.Resource, "revoked_by", by.Actor))
			}
		}
		w.Replace(removing)
		return w, at, nil
	})
	return err
}
