package operations

import (
	"context"
	"maps"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
)

// AuditEvents lists what was changed, newest first, with the profiles of people
// whom the page names. Of an open query these are only people who have a role on
// the object now: whoever may see its people may see no others.
// Errors: Invalid (malformed_cursor).
func (o *Operations) AuditEvents(ctx context.Context, q access.AuditQuery) ([]access.AuditEvent, map[string]access.Person, string, error) {
	events, next, err := o.Audit.Events(ctx, q)
	if err != nil {
		return nil, nil, "", err
	}
	named := map[string]bool{}
	for _, e := range events {
		if e.Actor.Type == access.TypeUser {
			named[e.Actor.ID] = true
		}
		for _, u := range e.Updates {
			if u.Person != "" {
				named[u.Person] = true
			}
		}
	}
	if q.Open {
		held, _, err := o.Relationships.Read(ctx, access.On(q.On, "").ToType(access.TypeUser))
		if err != nil {
			return nil, nil, "", err
		}
		maps.DeleteFunc(named, func(id string, _ bool) bool {
			return !slices.ContainsFunc(held, func(r access.Relationship) bool { return r.Subject.ID == id })
		})
	}
	people, err := o.Directory.PeopleByID(ctx, slices.Collect(maps.Keys(named)))
	return events, people, next, err
}
