package operations

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// deleteProfile names the operation in the audit, and to whoever finishes it.
const deleteProfile = "delete_profile"

// DeleteProfile deletes the caller's own profile: everything that is related to
// them in one write, and then their row (NINE-7). Nobody else can.
//
// A deletion by subject cannot swap versions. It depends on them instead, and on
// the admins who remain: so two last admins who leave at once do not both, and none
// leaves one behind whose role has got an end meanwhile.
// Errors: Conflict (last_admin), naming the objects.
func (o *Operations) DeleteProfile(ctx context.Context, by By) (access.Token, error) {
	for attempt := range attempts {
		keep, err := o.keepers(ctx, by.Actor)
		if err != nil {
			return "", err
		}
		cause := by.cause(deleteProfile)
		cause.At = o.Now().UTC().Truncate(time.Microsecond)
		at, err := o.Relationships.Forget(ctx, by.Actor, keep, cause)
		if err == nil {
			return at, o.Directory.DeletePerson(ctx, by.Actor.ID)
		}
		if !errors.Is(err, access.ErrPreconditionFailed) {
			return "", err
		}
		if err := pause(ctx, attempt); err != nil {
			return "", err
		}
	}
	return "", contended()
}

// FinishDeletion deletes the row of somebody whose relationships are gone, where a
// crash came between. It can be repeated. That they are gone is looked at: what a change
// says of itself, anybody wrote who has the key of SpiceDB's own API.
func (o *Operations) FinishDeletion(ctx context.Context, c access.Change) error {
	if c.Cause.Operation != deleteProfile || c.Cause.Actor.Type != access.TypeUser {
		return nil
	}
	left, _, err := o.Relationships.Read(ctx, access.Filter{}.To(c.Cause.Actor))
	if err != nil || len(left) > 0 {
		return err
	}
	return o.Directory.DeletePerson(ctx, c.Cause.Actor.ID)
}

// keepers are the preconditions under which every object that somebody administers
// keeps a permanent admin without them.
func (o *Operations) keepers(ctx context.Context, person access.Object) ([]access.Precondition, error) {
	var filters []access.Filter
	for objectType, powers := range roles.Powers {
		for _, power := range powers {
			for _, relation := range power {
				filters = append(filters, access.Filter{ResourceType: objectType, Relation: relation}.To(person))
			}
		}
	}
	held, _, err := o.Relationships.Read(ctx, filters...)
	if err != nil {
		return nil, err
	}
	objects := map[access.Object]bool{}
	for _, r := range held {
		objects[r.Resource] = true
	}
	var keep access.Write
	var orphans []string
	for object := range objects {
		found, _, err := o.Relationships.Read(ctx, guardFilters(object)...)
		if err != nil {
			return nil, err
		}
		if !o.keeper(&keep, object, person, found) {
			orphans = append(orphans, object.String())
		}
	}
	if len(orphans) > 0 {
		slices.Sort(orphans)
		return nil, access.Fail(access.Conflict, "last_admin", "this would leave %s without an admin; appoint another first", strings.Join(orphans, ", "))
	}
	return keep.Preconditions, nil
}

// keeper requires that one permanent admin of the object remains for each power
// that the person has, and reports whether there is one.
func (o *Operations) keeper(keep *access.Write, object, person access.Object, found []access.Relationship) bool {
	for _, power := range roles.Powers[object.Type] {
		whole := admins(power, object, found)
		if _, is := whole[person.ID]; !is {
			continue
		}
		delete(whole, person.ID)
		remains := stays(power, object, whole, person)
		if len(remains) == 0 {
			return false
		}
		keep.Require(remains...)
	}
	if i := slices.IndexFunc(found, func(r access.Relationship) bool { return r.Relation == "admin_version" }); i >= 0 {
		keep.Require(access.MustMatch(access.Exactly(found[i])))
	} else {
		keep.Require(access.MustNotMatch(access.On(object, "admin_version")))
	}
	return true
}
