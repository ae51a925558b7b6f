package explain

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Truth is a result, as far as it may be known.
type Truth int

// The truths, in an order by which "and" is the least, "or" the greatest, and "not"
// the negative.
const (
	False   Truth = -1
	Unknown Truth = 0
	True    Truth = 1
)

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

func every(nodes []*Node) Truth {
	found := True
	for _, n := range nodes {
		found = min(found, n.Result)
	}
	return found
}

func some(nodes []*Node) Truth {
	found := False
	for _, n := range nodes {
		found = max(found, n.Result)
	}
	return found
}

// answer finds the results of every node. What has a name SpiceDB answers; the
// rest follows. It reports whether all results agree.
func (t *tree) answer(ctx context.Context) (coherent bool, err error) {
	var nodes []*Node
	var checks []access.Check
	var filters []access.Filter
	looked := map[access.Object]bool{}
	for _, n := range t.grown {
		if n.Relation && n.Hidden && n != t.root {
			continue // what the asker may not know
		}
		nodes = append(nodes, n)
		checks = append(checks, access.Check{Resource: n.Object, Permission: n.Name, Subject: t.Subject})
		if t.seen[n.Object] && !looked[n.Object] {
			looked[n.Object] = true
			filters = append(filters, access.On(n.Object, "").To(t.Subject.Object))
		}
		if n.Flag && !n.Hidden {
			filters = append(filters, access.On(n.Object, n.Name).To(access.Object{Type: t.Subject.Type, ID: "*"}))
		}
	}
	answers, err := t.Store.CheckAt(ctx, t.at, checks...)
	if err != nil {
		return false, err
	}
	if t.held, err = t.Store.ReadAt(ctx, t.at, filters...); err != nil {
		return false, err
	}
	for i, n := range nodes {
		n.Result = truth(answers[i])
		if !n.Relation || n.Hidden {
			continue
		}
		for _, r := range t.held {
			if r.Resource == n.Object && r.Relation == n.Name {
				n.Matched = append(n.Matched, r)
			}
		}
		if n.Result != truth(len(n.Matched) > 0) {
			return false, nil
		}
	}
	if !t.root.follow() {
		return false, nil
	}
	t.root.infer()
	return true, nil
}

// follow finds the results of what has no name, and reports whether those of what
// has one follow from its parts as well.
func (n *Node) follow() bool {
	for _, part := range n.Children {
		if !part.follow() {
			return false
		}
	}
	if n.Relation || n.Self {
		return true
	}
	found := n.whole()
	if n.Name == "" {
		n.Result = found
	}
	return found == Unknown || found == n.Result
}

// whole is what the parts amount to.
func (n *Node) whole() Truth {
	switch {
	case n.Combines == access.Intersection:
		return every(n.Children)
	case n.Combines == access.Exclusion:
		return min(n.Children[0].Result, -some(n.Children[1:]))
	case n.Hidden:
		return max(some(n.Children), Unknown)
	}
	return some(n.Children)
}

// infer finds the results that anybody can tell who knows the whole and the other
// parts: what is hidden beneath is not.
func (n *Node) infer() {
	if n.Result != Unknown {
		for _, part := range n.Children {
			if part.Result != Unknown {
				continue
			}
			// Of the two results it could have, one contradicts the whole.
			for _, guess := range []Truth{False, True} {
				if part.Result = guess; n.whole() == -n.Result {
					part.Result = -guess
					break
				}
				part.Result = Unknown
			}
		}
	}
	for _, part := range n.Children {
		part.infer()
	}
}
