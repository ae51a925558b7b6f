package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Sharing is whether, and with people of which instances, an instance's cockpit
// may be shared (NEZ-1, NEZ-2).
type Sharing struct {
	Enabled bool
	Allowed []string // ids of instances, in order
}

// Bounds of an allow-list, in instances. SpiceDB takes a thousand updates in one
// write, so not all of a full list can be exchanged for another at once.
const (
	maxAllowed        = 500
	maxAllowedChanges = 900
)

// ReadSharing returns how an instance's cockpit may be shared.
func (o *Operations) ReadSharing(ctx context.Context, instance access.Object) (Sharing, error) {
	found, _, err := o.Relationships.Read(ctx, sharingFilters(instance)...)
	return sharingIn(instance, found), err
}

// ConfigureSharing switches the feature and replaces the allow-list, in one write.
// Shares stay as they are: the schema suspends and restores them (NEZ-9).
// Errors: Invalid (too_many_instances, too_many_changes, malformed_reference,
// own_instance, unknown_instance), NotFound (not_found).
func (o *Operations) ConfigureSharing(ctx context.Context, by By, instance access.Object, s Sharing) (Sharing, access.Token, error) {
	if len(s.Allowed) > maxAllowed {
		return s, "", access.Fail(access.Invalid, "too_many_instances", "allow at most %d instances", maxAllowed)
	}
	s.Allowed = slices.Compact(slices.Sorted(slices.Values(s.Allowed)))
	for _, id := range s.Allowed {
		if _, err := access.ParseObject(access.TypeInstance, id); err != nil {
			return s, "", err
		}
		if id == instance.ID {
			return s, "", access.Fail(access.Invalid, "own_instance", "an instance is not on its own allow-list: its people need no share")
		}
	}
	at, err := o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("configure_sharing")}
		if err := o.requireRight(ctx, &w, by.Actor, instance, "configure_sharing"); err != nil {
			return w, "", err
		}
		if err := o.missing(ctx, instance); err != nil {
			return w, "", err
		}
		found, at, err := o.Relationships.Read(ctx, append(sharingFilters(instance), access.On(instance, "admin_version"))...)
		if err != nil {
			return w, "", err
		}
		before := sharingIn(instance, found)
		for _, id := range before.Allowed {
			if !slices.Contains(s.Allowed, id) {
				w.Delete(allowed(instance, id))
			}
		}
		for _, id := range s.Allowed {
			if slices.Contains(before.Allowed, id) {
				continue
			}
			other := access.Object{Type: access.TypeInstance, ID: id}
			if err := o.missing(ctx, other); access.IsKind(err, access.NotFound) {
				return w, "", access.Fail(access.Invalid, "unknown_instance", "there is no instance %q", access.Clip(id))
			} else if err != nil {
				return w, "", err
			}
			w.Require(exists(other)...)
			w.Touch(allowed(instance, id))
		}
		if len(w.Updates) > maxAllowedChanges {
			return w, "", access.Fail(access.Invalid, "too_many_changes", "this changes %d instances of the allow-list; change at most %d at once", len(w.Updates), maxAllowedChanges)
		}
		setFlag(&w, instance, "shareable_cockpit", s.Enabled, found)
		w.Settle(flagged(instance, "shareable_cockpit")...)
		if len(w.Updates) > 0 {
			// One precondition for a whole list: of two lists, one stands, and never a mixture.
			o.swapVersion(&w, instance, found)
			w.Require(exists(instance)...)
		}
		return w, at, nil
	})
	return s, at, err
}

func sharingFilters(instance access.Object) []access.Filter {
	return []access.Filter{access.On(instance, "shareable_cockpit"), access.On(instance, "allowed")}
}

func sharingIn(instance access.Object, found []access.Relationship) Sharing {
	s := Sharing{Enabled: isFlagged(instance, "shareable_cockpit", found)}
	for _, r := range found {
		if r.Relation == "allowed" {
			s.Allowed = append(s.Allowed, r.Subject.ID)
		}
	}
	slices.Sort(s.Allowed)
	return s
}

// allowed puts an instance on the allow-list of another.
func allowed(instance access.Object, id string) access.Relationship {
	return access.Relate(instance, "allowed", access.Object{Type: access.TypeInstance, ID: id})
}
