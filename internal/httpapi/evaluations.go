package httpapi

import (
	"cmp"
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// EvaluateMany answers many questions of AuthZEN, or one that is put like many.
func (a *api) EvaluateMany(ctx context.Context, r EvaluateManyRequestObject) (EvaluateManyResponseObject, error) {
	semantic := cmp.Or(r.Body.Options.EvaluationsSemantic, ExecuteAll)
	if !semantic.Valid() {
		return nil, access.Fail(access.Malformed, "unknown_semantic", "there is no evaluations_semantic %q", access.Clip(string(semantic)))
	}
	if len(r.Body.Evaluations) > maxChecks {
		return nil, access.Fail(access.Malformed, "too_many_evaluations", "send at most %d evaluations", maxChecks)
	}
	common := PartialEvaluation{Subject: r.Body.Subject, Action: r.Body.Action, Resource: r.Body.Resource, Context: r.Body.Context}
	if len(r.Body.Evaluations) == 0 {
		return a.evaluateOnly(ctx, common)
	}
	a.spend(ctx, len(r.Body.Evaluations))
	all := make([]PartialEvaluation, len(r.Body.Evaluations))
	for i, e := range r.Body.Evaluations {
		all[i] = e.or(common)
		if err := complete(all[i]); err != nil {
			return nil, err
		}
	}
	var results []Evaluation
	switch semantic {
	case ExecuteAll:
		results = a.evaluateAll(ctx, all)
	case DenyOnFirstDeny:
		results = a.evaluateUntil(ctx, all, false)
	case PermitOnFirstPermit:
		results = a.evaluateUntil(ctx, all, true)
	}
	return EvaluateMany200JSONResponse{Evaluations: results}, nil
}

func (a *api) evaluateOnly(ctx context.Context, e PartialEvaluation) (EvaluateManyResponseObject, error) {
	q, err := a.evaluation(ctx, e)
	if err != nil {
		return nil, err
	}
	if err := a.askVisibly(ctx, q); err != nil {
		return nil, err
	}
	only, err := a.decide(ctx, q)
	return EvaluateMany200JSONResponse{Decision: &only.Decision}, err
}

// or is the evaluation with what it leaves out taken from another. A value is
// taken whole or not at all.
func (e PartialEvaluation) or(common PartialEvaluation) PartialEvaluation {
	e.Subject = cmp.Or(e.Subject, common.Subject)
	e.Action = cmp.Or(e.Action, common.Action)
	e.Resource = cmp.Or(e.Resource, common.Resource)
	if e.Context == nil {
		e.Context = common.Context
	}
	return e
}

// evaluateAll answers complete evaluations in their order. One that fails is
// denied, and leaves the rest alone.
func (a *api) evaluateAll(ctx context.Context, all []PartialEvaluation) []Evaluation {
	results := make([]Evaluation, len(all))
	var asked []access.Check
	var questions []question
	var at []int // where the answers go
	for i, e := range all {
		q, err := a.evaluation(ctx, e)
		if err == nil {
			err = a.askVisibly(ctx, q)
		}
		switch {
		case err != nil:
			results[i] = undecided(err)
		case !q.void:
			asked, questions, at = append(asked, q.Check), append(questions, q), append(at, i)
		}
	}
	for n, answer := range a.Checks.Bulk(ctx, asked) {
		results[at[n]] = Evaluation{Decision: questions[n].allowed(answer.Decision)}
		if answer.Err != nil {
			results[at[n]] = undecided(answer.Err)
		}
	}
	return results
}

// evaluateUntil answers one evaluation after the other, up to the first decision
// of a kind.
func (a *api) evaluateUntil(ctx context.Context, all []PartialEvaluation, last bool) []Evaluation {
	var results []Evaluation
	for i := range all {
		results = append(results, a.evaluateAll(ctx, all[i:i+1])...)
		if results[i].Decision == last {
			break
		}
	}
	return results
}

func undecided(err error) Evaluation {
	p := problem(plainly(err))
	return Evaluation{Context: &EvaluationContext{Error: EvaluationError{
		Status: p.Status, Code: p.Code, Message: p.Detail, Permission: p.Permission,
	}}}
}
