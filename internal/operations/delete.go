package operations

import (
	"context"
	"slices"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Delete takes everything that is related to what belongs to a customer account,
// an API key's roles among it, in one write.
// Errors: Forbidden, NotFound (not_found).
func (o *Operations) Delete(ctx context.Context, by By, object access.Object) (access.Token, error) {
	return o.commit(ctx, func(ctx context.Context) (access.Write, access.Token, error) {
		w := access.Write{Cause: by.cause("delete")}
		if err := o.requireRight(ctx, &w, by.Actor, object, "delete"); err != nil {
			return w, "", err
		}
		found, at, err := o.Relationships.Read(ctx, access.On(object, ""), access.Filter{}.To(object))
		for _, r := range found {
			w.Replace(r)
		}
		if !slices.ContainsFunc(found, func(r access.Relationship) bool { return r.Subject.Object == object }) {
			w.Require(access.MustNotMatch(access.Filter{}.To(object))) // a leaf goes without a stir
		}
		kind, _ := roles.KindOf(object.Type)
		w.Settle(access.Relate(object, kind.Tie, object))
		return w, at, err
	})
}
