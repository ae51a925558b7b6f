package httpapi

import "context"

// DescribeDecisionPoint tells applications where AuthZEN's endpoints are.
func (a *api) DescribeDecisionPoint(context.Context, DescribeDecisionPointRequestObject) (DescribeDecisionPointResponseObject, error) {
	at := func(endpoint string) string { return a.PublicURL.JoinPath("access", "v1", endpoint).String() }
	return DescribeDecisionPoint200JSONResponse{
		Body: DecisionPoint{
			PolicyDecisionPoint:       a.PublicURL.String(),
			AccessEvaluationEndpoint:  at("evaluation"),
			AccessEvaluationsEndpoint: at("evaluations"),
			SearchSubjectEndpoint:     at("search/subject"),
			SearchResourceEndpoint:    at("search/resource"),
			SearchActionEndpoint:      at("search/action"),
		},
		Headers: DescribeDecisionPoint200ResponseHeaders{CacheControl: "max-age=300"},
	}, nil
}
