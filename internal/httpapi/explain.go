package httpapi

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/explain"
)

// Explain says why a check is answered as it is.
func (a *api) Explain(ctx context.Context, r ExplainRequestObject) (ExplainResponseObject, error) {
	q := noted(ctx).question // mayAsk set it
	explained, err := a.Explainer.Explain(ctx, explain.Question{
		Asker: caller(ctx), Check: q.Check, Called: r.Body.Subject.Email, Stranger: q.stranger,
	})
	if err != nil {
		return nil, err
	}
	return Explain200JSONResponse{
		Allowed: explained.Allowed, CheckedAt: string(explained.CheckedAt), Sentence: explained.Sentence, Tree: nodeBody(explained.Tree),
	}, nil
}

func nodeBody(n *explain.Node) ExplainedNode {
	body := ExplainedNode{Flag: n.Flag, Combines: ExplainedNodeCombines(n.Combines), Hidden: n.Hidden, LeftOut: n.LeftOut}
	switch {
	case n.Relation:
		body.Relation = n.Name
	case n.Name != "":
		body.Permission = n.Name
	}
	if n.Name != "" {
		body.Object = &Reference{Type: n.Object.Type, ID: n.Object.ID}
	}
	switch {
	case n.Tie != "":
		body.Combines, body.Arrow = Arrow, n.Tie+"->"+n.Of
	case n.Self:
		body.Combines = Self
	}
	if n.Result != explain.Unknown {
		result := n.Result == explain.True
		body.Result = &result
	}
	for _, r := range n.Matched {
		body.Relationships = append(body.Relationships, relationshipBody(r))
	}
	for _, child := range n.Children {
		body.Children = append(body.Children, nodeBody(child))
	}
	return body
}

func relationshipBody(r access.Relationship) ExplainedRelationship {
	body := ExplainedRelationship{
		Resource: Reference{Type: r.Resource.Type, ID: r.Resource.ID}, Relation: r.Relation,
		Subject: AuditSubject{Type: r.Subject.Type, ID: r.Subject.ID, Relation: r.Subject.Relation},
	}
	if !r.EndsAt.IsZero() {
		body.EndsAt = &r.EndsAt
	}
	return body
}
