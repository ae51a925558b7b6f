package explain

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// newest bounds how far back the audit is read: so many events about a person on
// one object.
const newest = 100

// past is how a relationship came, or how it went.
type past struct {
	at   access.Cause // the event
	gone bool
	ends access.Relationship // until when it held or holds, if a day was set
}

// history finds the last thing that happened to what the subject was on an object,
// under one relation. The audit follows what happens and may be a moment late.
func (t *tree) history(ctx context.Context, object access.Object, relation string) (last past, known bool, err error) {
	if t.Stranger || t.Subject.Type != access.TypeUser || !t.seen[object] {
		return past{}, false, nil
	}
	if _, read := t.events[object]; !read {
		if t.events[object], _, err = t.Audit.Events(ctx, access.AuditQuery{On: object, Person: t.Subject.ID, Page: access.Page{Limit: newest}}); err != nil {
			return past{}, false, err
		}
	}
	for _, e := range t.events[object] { // the newest first
		for _, u := range e.Updates {
			r := u.Relationship
			if r.Resource != object || r.Relation != relation || r.Subject != t.Subject {
				continue
			}
			switch {
			case u.Verb == access.Delete && !known:
				last, known = past{at: e.Cause, gone: true}, true
			case u.Verb == access.Touch && !known:
				return past{at: e.Cause, ends: r}, true, nil
			case u.Verb == access.Touch:
				// It was deleted at its end, by itself: whoever set the end is who ended it.
				if !r.EndsAt.IsZero() && !last.at.At.Before(r.EndsAt) {
					return past{at: e.Cause, ends: r}, true, nil
				}
				return last, true, nil
			}
		}
	}
	return last, known, nil
}
