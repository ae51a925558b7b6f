package operations

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/roles"
)

// Outcome says what adding a person came to (domain §4).
type Outcome string

// The outcomes, the weakest first.
const (
	Unchanged   Outcome = "unchanged"   // holds all of it already, and for no shorter
	Extended    Outcome = "extended"    // a role that ends is now held for longer
	Granted     Outcome = "granted"     // known here, a role is new
	Upgraded    Outcome = "upgraded"    // a higher role replaced those it covers
	Reactivated Outcome = "reactivated" // removed from this site earlier
	Created     Outcome = "created"     // nothing of them was known here to the caller
)

var strength = []Outcome{Unchanged, Extended, Granted, Upgraded, Reactivated, Created}

// stronger tells which of two outcomes describes both.
func stronger(a, b Outcome) Outcome {
	return strength[max(slices.Index(strength, a), slices.Index(strength, b))]
}

// grant plans to give a person roles on an object. Adding never lowers access.
type grant struct {
	object access.Object
	site   access.Object
	person access.Object
	roles  []roles.Role
	endsAt time.Time // of all of them; zero: for good
	known  bool      // something of the person is visible here to whoever adds them
}

// planned is what a grant comes to.
type planned struct {
	outcome Outcome
	held    []access.Relationship // the person's roles on the object afterwards
	covered []access.Relationship // roles to delete afterwards, which did not fit into the write
	at      access.Token
	depends bool // on when a role ends, which no precondition can say
}

// most bounds how many roles are deleted in the write that gives the role which
// covers them. SpiceDB takes 1,000 updates and as many preconditions.
const most = 300

// plan adds to w what the grant takes.
// Errors: Conflict (would_shorten, cleanup_under_way), NotFound (not_found).
func (g grant) plan(ctx context.Context, o *Operations, w *access.Write) (planned, error) {
	kind, _ := roles.KindOf(g.object.Type)
	filters := append(guardFilters(g.object), access.On(g.object, "").To(g.person))
	if kind.Tie != "" {
		filters = append(filters, access.On(g.object, kind.Tie))
	}
	if g.site.Type == access.TypePartner {
		filters = append(filters, access.On(g.site, "removed").To(g.person), access.On(g.site, "removing").To(g.person))
	}
	found, at, err := o.Relationships.Read(ctx, filters...)
	if err != nil {
		return planned{}, err
	}
	if kind.Tie != "" && !slices.ContainsFunc(found, func(r access.Relationship) bool { return r.Relation == kind.Tie }) {
		return planned{}, notFound(g.object)
	}
	inSite, err := o.rolesInSite(ctx, g.site, g.person)
	if err != nil {
		return planned{}, err
	}
	p := planned{outcome: Unchanged, at: at}
	held := map[string]access.Relationship{}
	for _, r := range found {
		if r.Resource == g.object && r.Subject.Object == g.person {
			held[r.Relation] = r
		}
	}
	if removed := g.mark(found, "removed"); removed != nil {
		if g.mark(found, "removing") != nil || len(inSite) > most {
			return planned{}, cleanupUnderWay()
		}
		g.reactivate(*removed, inSite, held, w)
		p.outcome = Reactivated
	} else if err := g.add(ctx, o, inSite, held, &p, w); err != nil {
		return planned{}, err
	}
	for range min(len(p.covered), most) {
		w.Replace(p.covered[0])
		p.covered = p.covered[1:]
	}
	if !g.endsAt.IsZero() {
		// Whether these outlast it is as their objects' versions say.
		p.covered = nil
		if err := o.requireVersions(ctx, w, g.object); err != nil {
			return planned{}, err
		}
	}
	if p.outcome != Unchanged {
		w.Require(exists(g.object)...)
		if g.site.Type == access.TypePartner && p.outcome != Reactivated {
			w.Require(access.MustNotMatch(access.On(g.site, "removed").To(g.person)))
		}
		if p.depends {
			o.swapVersion(w, g.object, found)
		}
	}
	if !g.known && (p.outcome == Granted || p.outcome == Upgraded) {
		p.outcome = Created
	}
	p.held = inOrder(g.object.Type, held)
	return p, nil
}

func cleanupUnderWay() error {
	return access.Fail(access.Conflict, "cleanup_under_way", "this person was removed from the site a moment ago; try again shortly")
}

// add plans each role that nothing in the site covers.
func (g grant) add(ctx context.Context, o *Operations, inSite []placed, held map[string]access.Relationship, p *planned, w *access.Write) error {
	line, err := o.lineage(ctx, g.object)
	if err != nil {
		return err
	}
	before := highest(inSite)
	for _, role := range g.roles {
		if slices.ContainsFunc(inSite, func(e placed) bool {
			return slices.Contains(line[1:], e.held.Resource) && e.role.Rank >= role.Rank && noSooner(e.held.EndsAt, g.endsAt)
		}) {
			continue // covered from above
		}
		step, err := g.give(role, held, w)
		if err != nil {
			return err
		}
		if step == Granted && before > 0 && role.Rank > before {
			step = Upgraded
			p.covered = append(p.covered, g.covers(role, inSite)...)
		}
		p.outcome = stronger(p.outcome, step)
		p.depends = p.depends || step == Extended || step == Upgraded
	}
	return nil
}

// reactivate plans the return of somebody who was removed from the site. What
// roles they are left with do not come back to life.
func (g grant) reactivate(removed access.Relationship, left []placed, held map[string]access.Relationship, w *access.Write) {
	w.Replace(removed)
	w.Require(access.MustNotMatch(access.On(g.site, "removing").To(g.person)))
	clear(held)
	for _, role := range g.roles {
		wanted := role.For(g.object, g.person)
		wanted.EndsAt = g.endsAt
		w.Touch(wanted)
		held[role.Relation] = wanted
	}
	for _, e := range left {
		if again, ok := held[e.held.Relation]; !ok || access.Exactly(again) != access.Exactly(e.held) {
			w.Delete(e.held)
		}
	}
}

// mark finds what is said of the person in the site.
func (g grant) mark(found []access.Relationship, relation string) *access.Relationship {
	i := slices.IndexFunc(found, func(r access.Relationship) bool {
		return r.Resource == g.site && r.Relation == relation && r.Subject.Object == g.person
	})
	if i < 0 {
		return nil
	}
	return &found[i]
}

// give plans one role, and keeps held in step with the plan.
func (g grant) give(role roles.Role, held map[string]access.Relationship, w *access.Write) (Outcome, error) {
	wanted := role.For(g.object, g.person)
	wanted.EndsAt = g.endsAt
	if current, ok := held[role.Relation]; ok {
		if noSooner(current.EndsAt, wanted.EndsAt) {
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
		case rival.Rank < role.Rank && noSooner(wanted.EndsAt, current.EndsAt):
			w.Replace(current)
			delete(held, rival.Relation)
			outcome = Upgraded
		case rival.Rank > role.Rank && noSooner(current.EndsAt, wanted.EndsAt):
			return Unchanged, nil // covered by the higher role
		default:
			return "", access.Fail(access.Conflict, "would_shorten", "this person is %s%s and cannot be %s beside it without losing access; change the role instead",
				rival.Name, until(current.EndsAt), role.Name)
		}
	}
	w.Require(access.MustNotMatch(access.Exactly(wanted)))
	w.Touch(wanted)
	held[role.Relation] = wanted
	return outcome, nil
}

func until(end time.Time) string {
	if end.IsZero() {
		return " without an end"
	}
	return " until " + end.UTC().Format(time.RFC3339)
}

// covers lists the roles under the object that the new one makes needless, except
// those that outlast it.
func (g grant) covers(role roles.Role, inSite []placed) []access.Relationship {
	var covered []access.Relationship
	for _, e := range inSite {
		if e.held.Resource != g.object && slices.Contains(e.line, g.object) && e.role.Rank < role.Rank && noSooner(g.endsAt, e.held.EndsAt) {
			covered = append(covered, e.held)
		}
	}
	return covered
}

// inOrder lists, in catalogue order, the relationships that give roles.
func inOrder(objectType string, held map[string]access.Relationship) []access.Relationship {
	var found []access.Relationship
	for _, role := range rolesIn(objectType, held) {
		found = append(found, held[role.Relation])
	}
	return found
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

// requireVersions makes the write depend on the ends of what it deletes on other
// objects, which no precondition can name: whoever moves one swaps the version.
func (o *Operations) requireVersions(ctx context.Context, w *access.Write, own access.Object) error {
	var versions, filters []access.Filter
	var ends []access.Relationship
	for _, u := range w.Updates {
		if _, ok := roleOf(u.Relationship); ok && u.Verb == access.Delete && u.Relationship.Resource != own {
			versions = append(versions, access.On(u.Relationship.Resource, "admin_version"))
			filters = append(filters, access.Exactly(u.Relationship))
			ends = append(ends, u.Relationship)
		}
	}
	if len(versions) == 0 {
		return nil
	}
	found, _, err := o.Relationships.Read(ctx, append(filters, versions...)...)
	if err != nil {
		return err
	}
	for _, planned := range ends {
		if !slices.ContainsFunc(found, func(r access.Relationship) bool {
			return access.Exactly(r) == access.Exactly(planned) && r.EndsAt.Equal(planned.EndsAt)
		}) {
			return access.ErrPreconditionFailed
		}
	}
	for _, f := range versions {
		i := slices.IndexFunc(found, func(r access.Relationship) bool { return access.On(r.Resource, r.Relation) == f })
		if i < 0 {
			w.Require(access.MustNotMatch(f))
		} else {
			w.Require(access.MustMatch(access.Exactly(found[i])))
		}
	}
	return nil
}
