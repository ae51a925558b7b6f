// Package notify tells people what a commit means for them. What is told follows
// from the changes that Watch reports, whoever made them; it waits in the queue of
// mails as references, and is put into words when it is sent.
package notify

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Follower asks for the mails that follow from changes.
type Follower struct {
	Mails access.Mails
}

// Handle asks for the mails of one change. A change that is handled again asks for
// the same ones, which the queue has already.
func (f *Follower) Handle(ctx context.Context, c access.Change) error {
	orders := invitations(c)
	// Whoever accepts knows what they get, and what the server does by itself
	// (the demo, operators of the configuration) is news to nobody; but roles that
	// it ends at their time are.
	if c.Cause.Operation == "upgrade" {
		return f.Mails.Enqueue(ctx, orders...) // deletes what a new role covers
	}
	if c.Cause.Operation == "role_ended" || c.Cause.Operation != "accept_invitation" && c.Cause.Actor != access.System {
		orders = append(orders, roleNews(c)...)
	}
	return f.Mails.Enqueue(ctx, orders...)
}

func invitations(c access.Change) (orders []access.MailOrder) {
	for _, u := range c.Updates {
		r := u.Relationship
		if u.Verb == access.Touch && r.Resource.Type == access.TypeInvitation && r.Relation == "invitee" {
			orders = append(orders, access.MailOrder{
				Cause: string(c.At), Kind: access.MailInvitation, Recipient: r.Subject.ID, Object: r.Resource,
			})
		}
	}
	return orders
}

// roleNews makes at most one mail of each kind for a person and an object, however
// many of their roles on it changed.
func roleNews(c access.Change) (orders []access.MailOrder) {
	for _, u := range c.Updates {
		kind, role, ok := news(c.Cause, u)
		if !ok {
			continue
		}
		r := u.Relationship
		order := access.MailOrder{Cause: string(c.At), Kind: kind, Recipient: r.Subject.ID, Object: r.Resource}
		i := slices.IndexFunc(orders, func(o access.MailOrder) bool {
			return o.Kind == kind && o.Recipient == order.Recipient && o.Object == order.Object
		})
		if i < 0 {
			i, orders = len(orders), append(orders, order)
		}
		orders[i].Roles = append(orders[i].Roles, role.ID)
	}
	// A role that another takes the place of did not end: its successor is the news.
	// So it is with roles beneath the object that somebody was added to.
	return slices.DeleteFunc(orders, func(o access.MailOrder) bool {
		return o.Kind == access.MailRoleEnded && (c.Cause.Operation == "add" || slices.ContainsFunc(orders, func(other access.MailOrder) bool {
			return other.Kind != access.MailRoleEnded && other.Recipient == o.Recipient && other.Object == o.Object
		}))
	})
}

// news says what an update means for the person it is about, if it gives or takes
// one a role.
func news(cause access.Cause, u access.Update) (access.MailKind, roles.Role, bool) {
	r := u.Relationship
	if r.Subject.Type != access.TypeUser || r.Subject.ID == "*" {
		return "", roles.Role{}, false
	}
	on := roles.On(r.Resource.Type)
	i := slices.IndexFunc(on, func(role roles.Role) bool { return role.Relation == r.Relation })
	switch {
	case i < 0:
		return "", roles.Role{}, false
	case u.Verb == access.Delete, cause.Operation == "end_role": // which may set an end
		return access.MailRoleEnded, on[i], true
	case on[i].Way == roles.Sharing:
		return access.MailShareGiven, on[i], true
	}
	return access.MailRoleGranted, on[i], true
}
