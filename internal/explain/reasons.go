package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// way is what a permission rests on.
type way struct {
	by     []access.Relationship // roles
	ends   time.Time             // of the first of them to end; zero: never
	above  []string              // types of objects that are not shown, and give it
	own    bool                  // the object is the subject itself
	hidden bool
}

// better orders ways: those that last longer, then those that can be shown.
func (w way) better(other way) bool {
	if w.hidden != other.hidden {
		return other.hidden
	}
	return !other.ends.IsZero() && (w.ends.IsZero() || w.ends.After(other.ends))
}

func (w way) and(other way) way {
	for _, r := range other.by {
		if !slices.Contains(w.by, r) {
			w.by = append(w.by, r)
		}
	}
	if w.ends.IsZero() || !other.ends.IsZero() && other.ends.Before(w.ends) {
		w.ends = other.ends
	}
	return way{w.by, w.ends, append(w.above, other.above...), w.own || other.own, w.hidden || other.hidden}
}

// why finds what a permission rests on that the subject has. Of several ways it is
// the one that lasts longest.
func (t *tree) why(n *Node) (found way) {
	switch {
	case n.Self:
		return way{own: true}
	case n.Relation:
		for _, r := range n.Matched {
			if _, is := roleOf(r); is {
				return way{by: []access.Relationship{r}, ends: r.EndsAt}
			}
		}
		return way{hidden: n.Hidden}
	case n.Combines == access.Exclusion:
		return t.why(n.Children[0])
	case n.Combines == access.Intersection:
		for _, part := range n.Children {
			found = found.and(t.why(part))
		}
		return found
	}
	found = way{hidden: true}
	if n.Tie != "" {
		found.above = t.Shape[n.Object.Type][n.Tie].Subjects
	}
	first := true
	for _, part := range n.Children {
		if part.Result == True {
			if w := t.why(part); first || w.better(found) {
				found, first = w, false
			}
		}
	}
	return found
}

// miss is what stands between a subject and a permission.
type miss struct {
	cost  int // how far the subject is from having it
	has   []access.Relationship
	lacks []key // roles that the subject never had
	facts []string
	none  bool // something the subject has no part in at all
}

// What a miss costs. The least costly is told: it says most.
const (
	costMark  = 0 // taken away on purpose
	costEnded = 1
	costFlag  = 1
	costTie   = 2
	costNever = 4
	costElse  = 6
	nearBy    = 2 // what having the other half makes it cheaper
)

// whyNot finds the reason that helps most why a permission is not given.
func (t *tree) whyNot(ctx context.Context, n *Node) (miss, error) {
	switch {
	case n.Relation:
		return t.absent(ctx, n)
	case n.Self:
		return miss{cost: costElse, facts: []string{"it is not " + t.name + "'s own"}}, nil
	case n.Combines == access.Exclusion:
		if some(n.Children[1:]) == True {
			return t.barred(ctx, n.Children[1:])
		}
		return t.whyNot(ctx, n.Children[0])
	case n.Combines == access.Intersection:
		return t.incomplete(ctx, n)
	case n.Tie != "":
		if m, ok := t.untied(n); ok {
			return m, nil
		}
	}
	nearest := miss{cost: costElse, none: true}
	for i, part := range n.Children {
		m, err := t.whyNot(ctx, part)
		if err != nil {
			return m, err
		}
		if i == 0 || m.cost < nearest.cost {
			nearest = m
		}
	}
	return nearest, nil
}

// absent says why a relation does not hold.
func (t *tree) absent(ctx context.Context, n *Node) (miss, error) {
	if text, ok := missing[n.Object.Type][n.Name]; ok {
		if n.Hidden {
			return miss{cost: costElse, none: true}, nil
		}
		return miss{cost: costFlag, facts: []string{t.fact(text, n.Object)}}, nil
	}
	role, is := roleOf(access.Relate(n.Object, n.Name, t.Subject.Object))
	if !is {
		return miss{cost: costElse, none: true}, nil
	}
	last, known, err := t.history(ctx, n.Object, n.Name)
	if err != nil || !known || !last.gone && (last.ends.EndsAt.IsZero() || last.ends.EndsAt.After(t.Now())) {
		return miss{cost: costNever, lacks: []key{{n.Object, n.Name}}}, err
	}
	text, err := t.ended(ctx, role, n.Object, last)
	return miss{cost: costEnded, facts: []string{text}}, err
}

// ended says until when the subject had a role, and who saw to that.
func (t *tree) ended(ctx context.Context, role roles.Role, object access.Object, last past) (string, error) {
	at, deed := last.at.At, "as set by"
	if last.gone {
		deed = "ended by"
		if d, ok := deeds[last.at.Operation]; ok {
			deed = d
		}
	} else if !last.ends.EndsAt.IsZero() {
		at = last.ends.EndsAt.Add(-time.Nanosecond) // the day that was its last
	}
	text := fmt.Sprintf("%s %s until %s", t.name, being(role, once, t.called(object)), t.day(object, at))
	return t.by(ctx, text, deed, object, last.at.Actor)
}

// barred says what takes the permission away.
func (t *tree) barred(ctx context.Context, bars []*Node) (miss, error) {
	bar := bars[slices.IndexFunc(bars, func(n *Node) bool { return n.Result == True })]
	deepest := bar
	for !bar.Relation {
		if bar.Name != "" {
			deepest = bar
		}
		next := slices.IndexFunc(bar.Children, func(n *Node) bool { return n.Result == True })
		if next < 0 {
			break
		}
		bar = bar.Children[next]
	}
	text, ok := marks[bar.Object.Type][bar.Name]
	if !ok || len(bar.Matched) == 0 {
		what := permissions[deepest.Object.Type][deepest.Name]
		return miss{cost: costMark, facts: []string{may(t.name, what, true, t.called(deepest.Object))}}, nil
	}
	text = fmt.Sprintf(text, t.name, t.called(bar.Object))
	last, known, err := t.history(ctx, bar.Object, bar.Name)
	if known && !last.gone {
		text, err = t.by(ctx, text+" on "+t.day(bar.Object, last.at.At), "by", bar.Object, last.at.Actor)
	}
	return miss{cost: costMark, facts: []string{text}}, err
}

// incomplete says which parts of several are lacking, and which are there.
func (t *tree) incomplete(ctx context.Context, n *Node) (found miss, err error) {
	for _, part := range n.Children {
		switch part.Result {
		case Unknown:
			continue // it is not known to be lacking
		case True:
			found.has = append(found.has, t.why(part).by...)
			continue
		}
		m, err := t.whyNot(ctx, part)
		if err != nil {
			return m, err
		}
		found.cost += m.cost
		found.has = append(found.has, m.has...)
		found.lacks = append(found.lacks, m.lacks...)
		found.facts = append(found.facts, m.facts...)
		found.none = found.none || m.none
	}
	if len(found.has) > 0 {
		found.cost = max(1, found.cost-nearBy)
	}
	return found, nil
}

// untied says what is the matter with the way to other objects, if that says more
// than anything about them.
func (t *tree) untied(n *Node) (miss, bool) {
	text, ok := missing[n.Object.Type][n.Tie]
	if ok && slices.Contains(decisive[n.Object.Type], n.Tie) {
		return miss{cost: costTie, facts: []string{t.fact(text, n.Object)}}, true
	}
	if ok && len(n.Children) == 0 && !n.Hidden {
		return miss{cost: costElse, facts: []string{t.fact(text, n.Object)}}, true
	}
	return miss{}, false
}

func roleOf(r access.Relationship) (roles.Role, bool) {
	on := roles.On(r.Resource.Type)
	i := slices.IndexFunc(on, func(role roles.Role) bool { return role.Relation == r.Relation })
	if i < 0 {
		return roles.Role{}, false
	}
	return on[i], true
}
