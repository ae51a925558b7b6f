package relationships

import (
	"context"
	"slices"
	"strings"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Grounds answers a check together with preconditions that hold as long as the
// relationships the answer rests on do: those it found must still match, and
// those it looked for in vain must still not. A write that carries them commits
// only while the subject still has the permission. A denial has no grounds.
//
// Where to look is read off the trace of the check, so that nothing here knows
// what any permission means; what is there is read at the same moment.
func (g *Gateway) Grounds(ctx context.Context, c access.Check) (bool, []access.Precondition, error) {
	at, err := g.head(ctx)
	if err != nil {
		return false, nil, err
	}
	response, err := g.permissions.CheckPermission(ctx, &v1.CheckPermissionRequest{
		Consistency: exactly(at),
		Resource:    object(c.Resource),
		Permission:  c.Permission,
		Subject:     subject(c.Subject),
		WithTracing: true,
	})
	if err != nil {
		return false, nil, apiError(err)
	}
	if response.GetPermissionship() != v1.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION {
		return false, nil, nil
	}
	var t trail
	t.follow(response.GetDebugTrace().GetCheck())
	found, err := g.readAt(ctx, at, t.filters())
	if err != nil {
		return false, nil, err
	}
	return true, t.grounds(found), nil
}

// trail is where a check has looked.
type trail struct {
	leaves []access.Filter // for the subject
	steps  []access.Filter // for a way from one object to the next
}

// follow takes in a trace. It names every sub-question: one about a relation is a
// leaf, and one about another object than the one above was reached through a
// relationship between the two.
func (t *trail) follow(question *v1.CheckDebugTrace) {
	if question.GetPermissionType() == v1.CheckDebugTrace_PERMISSION_TYPE_RELATION {
		asked := question.GetSubject().GetObject()
		for _, resource := range objects(question.GetResource()) {
			leaf := access.On(resource, question.GetPermission()).To(access.Object{Type: asked.GetObjectType(), ID: asked.GetObjectId()})
			if !slices.Contains(t.leaves, leaf) {
				t.leaves = append(t.leaves, leaf)
			}
		}
		return
	}
	for _, sub := range question.GetSubProblems().GetTraces() {
		if !proto.Equal(sub.GetResource(), question.GetResource()) {
			t.step(objects(question.GetResource()), objects(sub.GetResource()))
		}
		t.follow(sub)
	}
}

func (t *trail) step(from, to []access.Object) {
	for _, above := range from {
		for _, below := range to {
			t.steps = append(t.steps, access.On(above, "").To(below))
		}
	}
}

// objects are those a question was asked about: SpiceDB asks about several at
// once, and writes their ids in a row.
func objects(r *v1.ObjectReference) []access.Object {
	var all []access.Object
	for id := range strings.SplitSeq(r.GetObjectId(), ",") {
		all = append(all, access.Object{Type: r.GetObjectType(), ID: id})
	}
	return all
}

// filters find all that the check may have found. A subject is also meant by what
// is related to everyone.
func (t *trail) filters() []access.Filter {
	filters := slices.Concat(t.leaves, t.steps)
	for _, leaf := range t.leaves {
		filters = append(filters, everyone(leaf))
	}
	return filters
}

func everyone(f access.Filter) access.Filter {
	f.SubjectID = "*"
	return f
}

func (t *trail) grounds(found []access.Relationship) []access.Precondition {
	var all []access.Precondition
	there := map[access.Filter]bool{}
	for _, r := range found {
		there[access.Exactly(r)] = true
		all = append(all, access.MustMatch(access.Exactly(r)))
	}
	for _, leaf := range t.leaves {
		if !there[leaf] && !there[everyone(leaf)] {
			all = append(all, access.MustNotMatch(leaf))
		}
	}
	return all
}
