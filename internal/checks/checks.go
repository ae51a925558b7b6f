// Package checks answers questions about permissions: one, many at once, and
// which resources or subjects. Single answers may come from the cache, which the evaluator
// stands for; which ones is computed on the newest relationships.
package checks

import (
	"cmp"
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Evaluator answers as the newest relationships have it.
type Evaluator interface {
	Check(ctx context.Context, c access.Check) (access.Decision, error)
	// CheckBulk answers checks in their order; one that fails leaves the rest alone.
	CheckBulk(ctx context.Context, cs []access.Check) []access.Answer
	// Covers fails unless the token names a moment that checks made now
	// are no older than. Errors: Invalid (malformed_token, foreign_token).
	Covers(ctx context.Context, t access.Token) error
}

// Lookups answers "which" on the newest relationships, in no order and maybe
// with repetitions.
type Lookups interface {
	LookupResources(ctx context.Context, resourceType, permission string, subject access.Subject) ([]string, access.Token, error)
	LookupSubjects(ctx context.Context, resource access.Object, permission, subjectType string) ([]string, access.Token, error)
}

// Checks is the check path.
type Checks struct {
	evaluator Evaluator
	lookups   Lookups
}

// New makes the check path over an evaluator and the lookups beside it.
func New(e Evaluator, l Lookups) *Checks { return &Checks{evaluator: e, lookups: l} }

// Check answers one check.
// Errors: Invalid (unknown_type, unknown_permission, invalid_context), Unavailable.
func (c *Checks) Check(ctx context.Context, q access.Check) (access.Decision, error) {
	return c.evaluator.Check(ctx, q)
}

// Covers fails unless every answer given from now on is at least as fresh as the
// token. Errors: Invalid (malformed_token, foreign_token), Unavailable.
func (c *Checks) Covers(ctx context.Context, t access.Token) error {
	return c.evaluator.Covers(ctx, t)
}

// Bulk answers checks in their order; one that fails leaves the rest alone.
func (c *Checks) Bulk(ctx context.Context, qs []access.Check) []access.Answer {
	return c.evaluator.CheckBulk(ctx, qs)
}

// LookupResources returns a page of the ids, in order, of the resources of a type
// on which the subject has the permission.
// Errors: Invalid (malformed_cursor) besides those of Check.
func (c *Checks) LookupResources(ctx context.Context, resourceType, permission string, s access.Subject, p access.Page) (access.Lookup, error) {
	return paged(p, func() ([]string, access.Token, error) {
		return c.lookups.LookupResources(ctx, resourceType, permission, s)
	})
}

// LookupSubjects returns a page of the ids, in order, of the subjects of a type
// that have the permission on the resource.
// Errors: Invalid (malformed_cursor) besides those of Check.
func (c *Checks) LookupSubjects(ctx context.Context, resource access.Object, permission, subjectType string, p access.Page) (access.Lookup, error) {
	return paged(p, func() ([]string, access.Token, error) {
		return c.lookups.LookupSubjects(ctx, resource, permission, subjectType)
	})
}

// paged cuts a page out of a whole answer, which is computed anew for each.
func paged(p access.Page, lookup func() ([]string, access.Token, error)) (access.Lookup, error) {
	ids, at, err := lookup()
	if err != nil {
		return access.Lookup{}, err
	}
	found := access.Lookup{CheckedAt: at}
	found.IDs, found.Next, err = access.Cut(ids, p, func(id string) string { return id }, cmp.Compare[string])
	return found, err
}
