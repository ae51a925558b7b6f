package explain

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Node is a question on the way to the answer: about a permission or relation of
// an object or, without a name, about a part of its formula.
type Node struct {
	Object   access.Object
	Name     string
	Relation bool // the name is that of a relation
	Flag     bool // … to everyone

	Combines access.Combination // of the children, if it is one
	Tie      string             // an arrow: the children are about what this relation leads to …
	Of       string             // … namely, about this name
	Self     bool

	Result  Truth
	Matched []access.Relationship // what a relation was found to hold by
	Hidden  bool                  // the asker may not know all that is here
	LeftOut int                   // objects an arrow leads to that are not shown, only counted

	Children []*Node
}

// Bounds of a tree.
const (
	maxDepth   = 50 // as SpiceDB's own
	maxTargets = 20 // of an arrow, shown
)

// key is what is asked about.
type key struct {
	object access.Object
	name   string
}

// tree is one explanation under way.
type tree struct {
	*Explainer
	Question
	at access.Token

	root     *Node
	operator bool
	seen     map[access.Object]bool // whether the asker may know what the subject is there
	grown    map[key]*Node
	held     []access.Relationship // by the subject, or by everyone, on objects seen

	name     string                                 // of the subject, to the asker
	profiles map[access.Object]access.ObjectProfile // of what the asker may see
	events   map[access.Object][]access.AuditEvent  // about the subject, where they were needed
}

// grow makes the tree and finds the results. It reports whether they agree.
func (t *tree) grow(ctx context.Context) (coherent bool, err error) {
	t.seen, t.grown, t.events = map[access.Object]bool{}, map[key]*Node{}, map[access.Object][]access.AuditEvent{}
	operates, err := t.Store.CheckAt(ctx, t.at, access.Check{Resource: access.Platform, Permission: "operate", Subject: access.Subject{Object: t.Asker}})
	if err != nil {
		return false, err
	}
	t.operator = operates[0]
	if err := t.look(ctx, t.Resource); err != nil {
		return false, err
	}
	if t.root, err = t.named(ctx, t.Resource, t.Permission, 0); err != nil {
		return false, err
	}
	if coherent, err = t.answer(ctx); err != nil || !coherent {
		return coherent, err
	}
	if t.Stranger && t.root.Result == True {
		t.root = &Node{Object: t.Resource, Name: t.Permission, Result: False} // nobody is allowed nothing, whatever everyone is
	}
	return true, nil
}

// itself reports whether somebody asks about themself.
func (t *tree) itself() bool { return !t.Stranger && t.Subject.Object == t.Asker }

// look finds out which of the objects the asker may see the subject on: operators
// all, others those whose people they manage or, asking about themself, may read.
func (t *tree) look(ctx context.Context, objects ...access.Object) error {
	var asked []access.Object
	var checks []access.Check
	for _, o := range objects {
		if _, known := t.seen[o]; known {
			continue
		}
		permission := "read"
		if !t.itself() {
			kind, _ := roles.KindOf(o.Type)
			permission = kind.PeopleBy
		}
		_, exists := t.Shape[o.Type][permission]
		t.seen[o] = t.operator || t.itself() && o == t.Asker
		if !t.seen[o] && exists {
			asked, checks = append(asked, o), append(checks, access.Check{Resource: o, Permission: permission, Subject: access.Subject{Object: t.Asker}})
		}
	}
	answers, err := t.Store.CheckAt(ctx, t.at, checks...)
	for i, o := range asked {
		t.seen[o] = err == nil && answers[i]
	}
	return err
}

// named grows the node of a permission or relation.
func (t *tree) named(ctx context.Context, object access.Object, name string, depth int) (*Node, error) {
	if n := t.grown[key{object, name}]; n != nil {
		return n, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("explain %s of %s: deeper than %d", name, object, maxDepth)
	}
	rule := t.Shape[object.Type][name]
	n := &Node{Object: object, Name: name, Relation: rule.Formula == nil, Flag: rule.Flag, Hidden: !t.seen[object]}
	switch {
	case n.Hidden:
	case n.Relation:
		discreet, err := t.discreet(ctx, object, name)
		if err != nil {
			return nil, err
		}
		n.Hidden = discreet
	default:
		part, err := t.part(ctx, object, *rule.Formula, depth)
		if err != nil {
			return nil, err
		}
		if part.Name != "" {
			n.Children = []*Node{part}
			break
		}
		part.Name = name
		n = part
	}
	t.grown[key{object, name}] = n
	return n, nil
}

// discreet reports whether a relation is kept from whoever manages no people there.
func (t *tree) discreet(ctx context.Context, object access.Object, relation string) (bool, error) {
	if t.operator || !t.itself() || !slices.Contains(discreet[object.Type], relation) {
		return false, nil
	}
	kind, _ := roles.KindOf(object.Type)
	manages, err := t.Store.CheckAt(ctx, t.at, access.Check{Resource: object, Permission: kind.PeopleBy, Subject: access.Subject{Object: t.Asker}})
	return err == nil && !manages[0], err
}

// part grows the node of a formula.
func (t *tree) part(ctx context.Context, object access.Object, f access.Formula, depth int) (*Node, error) {
	switch {
	case f.Self:
		return &Node{Object: object, Self: true, Result: truth(object == t.Subject.Object)}, nil
	case f.Tie != "":
		return t.arrow(ctx, object, f, depth)
	case f.Name != "":
		return t.named(ctx, object, f.Name, depth+1)
	}
	n := &Node{Object: object, Combines: f.Combines}
	for _, of := range f.Of {
		part, err := t.part(ctx, object, of, depth)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, part)
	}
	return n, nil
}

// arrow grows the node of what holds on other objects. Those the asker may not see
// are not among its children.
func (t *tree) arrow(ctx context.Context, object access.Object, f access.Formula, depth int) (*Node, error) {
	n := &Node{Object: object, Tie: f.Tie, Of: f.Name}
	var err error
	if n.Hidden, err = t.discreet(ctx, object, f.Tie); err != nil || n.Hidden {
		return n, err
	}
	ties, err := t.Store.ReadAt(ctx, t.at, access.On(object, f.Tie))
	if err != nil {
		return nil, err
	}
	var targets []access.Object
	for _, tie := range ties {
		if _, has := t.Shape[tie.Subject.Type][f.Name]; has {
			targets = append(targets, tie.Subject.Object)
		}
	}
	if err := t.look(ctx, targets...); err != nil {
		return nil, err
	}
	all := len(targets)
	targets = slices.DeleteFunc(targets, func(o access.Object) bool { return !t.seen[o] })
	n.Hidden = len(targets) < all
	if targets, n.LeftOut, err = t.few(ctx, targets, f.Name); err != nil {
		return nil, err
	}
	for _, target := range targets {
		part, err := t.named(ctx, target, f.Name, depth+1)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, part)
	}
	return n, nil
}

// few cuts many targets down, those first for which the answer is yes, and counts
// the others.
func (t *tree) few(ctx context.Context, targets []access.Object, name string) ([]access.Object, int, error) {
	if len(targets) <= maxTargets {
		return targets, 0, nil
	}
	checks := make([]access.Check, len(targets))
	for i, target := range targets {
		checks[i] = access.Check{Resource: target, Permission: name, Subject: t.Subject}
	}
	allowed, err := t.Store.CheckAt(ctx, t.at, checks...)
	if err != nil {
		return nil, 0, err
	}
	var yes, no []access.Object
	for i, target := range targets {
		if allowed[i] {
			yes = append(yes, target)
		} else {
			no = append(no, target)
		}
	}
	return append(yes, no...)[:maxTargets], len(targets) - maxTargets, nil
}
