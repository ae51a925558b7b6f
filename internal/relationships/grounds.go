package relationships

import (
	"context"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Grounds answers a check together with preconditions that hold as long as the
// relationships the answer rests on do: those it found must still match, and
// those it looked for in vain must still not. A write that carries them commits
// only while the subject still has the permission. A denial has no grounds.
//
// They are read off the trace of the check, so that nothing here knows what any
// permission means. The trace names every sub-question; a question about a
// relation is a leaf, and a question about another object than the one above it
// was reached through a relationship between the two.
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
	gathered := grounds{seen: map[access.Precondition]bool{}}
	gathered.gather(response.GetDebugTrace().GetCheck())
	return true, gathered.all, nil
}

type grounds struct {
	all  []access.Precondition
	seen map[access.Precondition]bool
}

func (g *grounds) add(p access.Precondition) {
	if !g.seen[p] {
		g.seen[p] = true
		g.all = append(g.all, p)
	}
}

func (g *grounds) gather(t *v1.CheckDebugTrace) {
	resource := access.Object{Type: t.GetResource().GetObjectType(), ID: t.GetResource().GetObjectId()}
	if t.GetPermissionType() == v1.CheckDebugTrace_PERMISSION_TYPE_RELATION {
		leaf := access.On(resource, t.GetPermission()).To(access.Object{
			Type: t.GetSubject().GetObject().GetObjectType(),
			ID:   t.GetSubject().GetObject().GetObjectId(),
		})
		if t.GetResult() == v1.CheckDebugTrace_PERMISSIONSHIP_HAS_PERMISSION {
			g.add(access.MustMatch(leaf))
		} else {
			g.add(access.MustNotMatch(leaf))
		}
		return
	}
	for _, sub := range t.GetSubProblems().GetTraces() {
		below := access.Object{Type: sub.GetResource().GetObjectType(), ID: sub.GetResource().GetObjectId()}
		if below != resource {
			g.add(access.MustMatch(access.On(resource, "").To(below)))
		}
		g.gather(sub)
	}
}
