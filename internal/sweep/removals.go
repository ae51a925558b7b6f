// Package sweep finishes what a commit began: it deletes what somebody held in a
// site they were removed from, and roles that have ended. Access ended with the
// commit, or at the end itself; sweeping makes it visible to whoever looks at
// relationships, and to whatever follows them.
package sweep

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// Removals tidies up after removals from a site (C9-6).
type Removals struct {
	Relationships access.Relationships
	Operations    interface {
		Tidy(ctx context.Context, by operations.By, partner, person access.Object) error
	}
}

// Recount tidies up wherever it is under way: what a follower that never ran, or
// lost its place, has not heard of.
func (r *Removals) Recount(ctx context.Context) error {
	marks, _, err := r.Relationships.Read(ctx, access.Filter{ResourceType: access.TypePartner, Relation: "removing"})
	if err != nil {
		return err
	}
	for _, mark := range marks {
		if err := r.Operations.Tidy(ctx, operations.By{Actor: access.System}, mark.Resource, mark.Subject.Object); err != nil {
			return err
		}
	}
	return nil
}

// Handle tidies up where a change marks it as under way. Done twice, it does
// nothing the second time.
func (r *Removals) Handle(ctx context.Context, c access.Change) error {
	for _, u := range c.Updates {
		mark := u.Relationship
		if u.Verb != access.Touch || mark.Resource.Type != access.TypePartner || mark.Relation != "removing" {
			continue
		}
		by := operations.By{Actor: c.Cause.Actor, Reason: c.Cause.Reason, RequestID: c.Cause.RequestID}
		if actor, err := access.ParseObject(by.Actor.Type, by.Actor.ID); err != nil || actor.Type != access.TypeUser { // marked by other tools
			by.Actor = access.System
		}
		if err := r.Operations.Tidy(ctx, by, mark.Resource, mark.Subject.Object); err != nil {
			return err
		}
	}
	return nil
}
