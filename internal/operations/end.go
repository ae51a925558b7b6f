package operations

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// EndRole ends a person's role on an object now or, if a last day is named, with
// the end of that day in the object's time zone (NINE-5); so an end that was set
// can be moved. Ending a role now that is not held changes nothing.
// Errors: Invalid (unknown_role, role_does_not_end, past_date), NotFound
// (not_held) if it is to end later, Conflict (self_removal, last_admin).
func (o *Operations) EndRole(ctx context.Context, by By, object, person access.Object, roleID string, last *access.Day) (access.Token, error) {
	role, err := roles.Member(object.Type, roleID)
	if err != nil {
		return "", err
	}
	if role.NotOwn && by.Actor == person {
		return "", selfRemoval(role)
	}
	endsAt, err := o.endOf(ctx, object, last, role)
	if err != nil {
		return "", err
	}
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("end_role")}
		if err := o.requireRight(ctx, &w, by.Actor, object, role.TakenBy); err != nil {
			return w, "", err
		}
		held := role.For(object, person)
		found, at, err := o.Relationships.Read(ctx, append(guardFilters(object), access.Exactly(held))...)
		if err != nil {
			return w, "", err
		}
		i := slices.IndexFunc(found, func(r access.Relationship) bool { return access.Exactly(r) == access.Exactly(held) })
		switch {
		case i < 0 && last == nil:
			w.Settle(held)
			return w, at, nil
		case i < 0:
			return w, at, access.Fail(access.NotFound, "not_held", "this person is not %s here", role.Name)
		case last == nil:
			w.Replace(held)
		case found[i].EndsAt.Equal(endsAt):
			w.Settle(held)
			return w, at, nil
		default:
			held.EndsAt = endsAt
			w.Require(access.MustMatch(access.Exactly(held)))
			w.Touch(held)
			o.swapVersion(&w, object, found)
		}
		return w, at, o.guard(&w, object, found)
	})
}

// endOf is the instant at which roles on an object end whose last day is named;
// zero if none is.
// Errors: Invalid (role_does_not_end, past_date).
func (o *Operations) endOf(ctx context.Context, object access.Object, last *access.Day, ending ...roles.Role) (time.Time, error) {
	if last == nil {
		return time.Time{}, nil
	}
	for _, role := range ending {
		if !role.MayEnd {
			return time.Time{}, access.Fail(access.Invalid, "role_does_not_end", "the role %q cannot be held until a date", role.ID)
		}
	}
	profile, err := o.Object(ctx, object)
	if err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(profile.TimeZone)
	if err != nil {
		return time.Time{}, err // it was checked when the object was created
	}
	end := last.End(zone)
	if !end.After(o.Now()) {
		return time.Time{}, access.Fail(access.Invalid, "past_date", "%s is over in %s", last, profile.TimeZone)
	}
	return end, nil
}

func selfRemoval(role roles.Role) error {
	return access.Fail(access.Conflict, "self_removal", "nobody ends their own role as %s; another admin can", role.Name)
}
