package operations

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Outcome says what adding a person came to (domain §4).
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"   // nothing of them was known here to the caller
	Granted   Outcome = "granted"   // known here, a role is new
	Upgraded  Outcome = "upgraded"  // a higher role replaced the one it covers
	Extended  Outcome = "extended"  // a role held until a date is now held for good
	Unchanged Outcome = "unchanged" // holds all of it already
)

// grant plans to give a person roles on an object, for good.
type grant struct {
	object access.Object
	site   access.Object
	person access.Object
	roles  []roles.Role
	known  bool // something of the person is visible here to whoever adds them
}

// plan adds to w what the grant takes, and says what that comes to and which
// roles the person holds on the object afterwards.
// Errors: Conflict (would_shorten, removed_from_site), NotFound (not_found).
func (g grant) plan(ctx context.Context, relationships access.Relationships, w *access.Write) (Outcome, []roles.Role, access.Token, error) {
	kind, _ := roles.KindOf(g.object.Type)
	filters := []access.Filter{access.On(g.object, "").To(g.person)}
	if kind.Tie != "" {
		filters = append(filters, access.On(g.object, kind.Tie))
	}
	if g.site.Type == access.TypePartner {
		filters = append(filters, access.On(g.site, "removed").To(g.person))
	}
	found, at, err := relationships.Read(ctx, filters...)
	if err != nil {
		return "", nil, "", err
	}
	held := map[string]access.Relationship{}
	tied := kind.Tie == ""
	for _, r := range found {
		switch {
		case r.Resource == g.site && r.Relation == "removed":
			return "", nil, "", access.Fail(access.Conflict, "removed_from_site", "this person was removed from the site and cannot be added again yet")
		case r.Relation == kind.Tie:
			tied = true
		case r.Subject.Object == g.person:
			held[r.Relation] = r
		}
	}
	if !tied {
		return "", nil, "", notFound(g.object)
	}

	outcome := Unchanged
	for _, role := range g.roles {
		step, err := g.give(role, held, w)
		if err != nil {
			return "", nil, "", err
		}
		outcome = stronger(outcome, step)
	}
	if outcome != Unchanged {
		w.Require(exists(g.object)...)
		if g.site.Type == access.TypePartner {
			w.Require(access.MustNotMatch(access.On(g.site, "removed").To(g.person)))
		}
	}
	if !g.known && (outcome == Granted || outcome == Upgraded) {
		outcome = Created
	}
	return outcome, rolesIn(g.object.Type, held), at, nil
}

// give plans one role, and keeps held in step with the plan.
func (g grant) give(role roles.Role, held map[string]access.Relationship, w *access.Write) (Outcome, error) {
	wanted := role.For(g.object, g.person)
	if current, ok := held[role.Relation]; ok {
		if current.EndsAt.IsZero() {
			return Unchanged, nil
		}
		w.Require(access.MustMatch(access.Exactly(current)))
		w.Touch(wanted)
		held[role.Relation] = wanted
		return Extended, nil
	}
	outcome := Granted
	for _, rival := range roles.On(role.Object) {
		if !role.Rivals(rival) {
			continue
		}
		current, holds := held[rival.Relation]
		switch {
		case !holds:
			// Two grants at once must not leave both.
			w.Require(access.MustNotMatch(access.Exactly(rival.For(g.object, g.person))))
		case rival.Rank < role.Rank:
			w.Replace(current)
			delete(held, rival.Relation)
			outcome = Upgraded
		case current.EndsAt.IsZero():
			return Unchanged, nil // covered by the higher role
		default:
			return "", access.Fail(access.Conflict, "would_shorten", "this person is %s until %s and cannot hold %q beside it",
				rival.ID, current.EndsAt.Format("2006-01-02"), role.ID)
		}
	}
	w.Require(access.MustNotMatch(access.Exactly(wanted)))
	w.Touch(wanted)
	held[role.Relation] = wanted
	return outcome, nil
}

// stronger tells which of two outcomes describes both.
func stronger(a, b Outcome) Outcome {
	for _, o := range []Outcome{Upgraded, Granted, Extended} {
		if a == o || b == o {
			return o
		}
	}
	return Unchanged
}

// rolesIn lists, in catalogue order, the roles that relationships give.
func rolesIn(objectType string, held map[string]access.Relationship) []roles.Role {
	var found []roles.Role
	for _, role := range roles.On(objectType) {
		if _, ok := held[role.Relation]; ok {
			found = append(found, role)
		}
	}
	return found
}
