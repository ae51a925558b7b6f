package oracle_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// mirror passes everything on to SpiceDB, and keeps beside it what is related there, by
// resource. TestOracle reads it back at the end of each sequence.
type mirror struct {
	access.Relationships
	live    map[access.Object]map[access.Filter]access.Relationship
	commits int
}

func (m *mirror) Write(ctx context.Context, w access.Write) (access.Token, error) {
	at, err := m.Relationships.Write(ctx, w)
	if err != nil {
		return at, err
	}
	m.commits++
	for _, u := range w.Updates {
		r := u.Relationship
		if m.live[r.Resource] == nil {
			m.live[r.Resource] = map[access.Filter]access.Relationship{}
		}
		if u.Verb == access.Delete || !r.EndsAt.IsZero() && r.EndsAt.Before(time.Now()) {
			delete(m.live[r.Resource], access.Exactly(r))
		} else {
			m.live[r.Resource][access.Exactly(r)] = r
		}
	}
	return at, nil
}

func (m *mirror) Forget(ctx context.Context, subject access.Object, ps []access.Precondition, c access.Cause) (access.Token, error) {
	at, err := m.Relationships.Forget(ctx, subject, ps, c)
	if err != nil {
		return at, err
	}
	m.commits++
	for _, related := range m.live {
		maps.DeleteFunc(related, func(_ access.Filter, r access.Relationship) bool { return r.Subject.Object == subject })
	}
	return at, nil
}

// all is every relationship, in no order.
func (m *mirror) all() []access.Relationship {
	var found []access.Relationship
	for _, related := range m.live {
		found = slices.AppendSeq(found, maps.Values(related))
	}
	return found
}

// around describes what the permissions of a subject on an object can depend on: what
// relates that subject, everyone or another object to it, and to each of those. No
// relation of the schema leads to other people. Ids of the world go by their names, the
// object and the subject by what they are here.
func (m *mirror) around(object, subject access.Object, prefix string) string {
	name := func(o access.Object) string {
		switch o {
		case subject:
			return o.Type + ":subject"
		case object:
			return o.Type + ":object"
		}
		return o.Type + ":" + strings.TrimPrefix(o.ID, prefix)
	}
	lines := []string{fmt.Sprintf("%s of %s", name(subject), name(object))}
	reached := []access.Object{object}
	for n := 0; n < len(reached); n++ {
		for _, r := range m.live[reached[n]] {
			person := r.Subject.Type == access.TypeUser || r.Subject.Type == access.TypeAPIKey
			if r.Subject.Type == access.TypeVersion || person && r.Subject.Object != subject && r.Subject.ID != "*" {
				continue
			}
			if !person && !slices.Contains(reached, r.Subject.Object) {
				reached = append(reached, r.Subject.Object)
			}
			ends := ""
			if !r.EndsAt.IsZero() {
				ends = " for a time"
			}
			lines = append(lines, name(r.Resource)+"#"+r.Relation+"@"+name(r.Subject.Object)+ends)
		}
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}
