package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// sentence says it in one. It looks up what things are called, as far as the asker
// may know.
func (t *tree) sentence(ctx context.Context) (string, error) {
	unknown, err := t.meet(ctx)
	if err != nil {
		return "", err
	}
	allowed := t.root.Result == True
	if unknown && !allowed {
		return "Nobody is known as " + t.name + ".", nil
	}
	claim := t.claim(allowed)
	var reasons string
	if allowed {
		reasons = t.told(t.why(t.root))
	} else {
		m, err := t.whyNot(ctx, t.root)
		if err != nil {
			return "", err
		}
		reasons = t.lacking(m)
	}
	if reasons != "" {
		claim += ": " + reasons
	}
	return claim + ".", nil
}

// meet finds names. To operators it reports whether the subject is nobody.
func (t *tree) meet(ctx context.Context) (unknown bool, err error) {
	var objects []access.Object
	for o, seen := range t.seen {
		if seen {
			objects = append(objects, o)
		}
	}
	if t.profiles, err = t.Directory.ObjectsByID(ctx, objects); err != nil {
		return false, err
	}
	t.name = t.Called
	if t.name == "" {
		t.name = typeName(t.Subject.Type) + " " + t.Subject.ID
	}
	if t.Subject.Type != access.TypeUser {
		return false, nil
	}
	people, err := t.Directory.PeopleByID(ctx, []string{t.Subject.ID})
	if err != nil {
		return false, err
	}
	person, known := people[t.Subject.ID]
	if known && (t.operator || t.itself() || slices.ContainsFunc(t.held, func(r access.Relationship) bool { return r.Subject == t.Subject })) {
		t.name = nameOf(person)
	}
	return t.operator && !known, nil
}

func nameOf(p access.Person) string {
	if name := strings.TrimSpace(p.GivenName + " " + p.FamilyName); name != "" {
		return name
	}
	return string(p.Email)
}

// called is what an object is called, to an asker who may know.
func (t *tree) called(o access.Object) string {
	switch p, known := t.profiles[o]; {
	case o == access.Platform:
		return "the platform"
	case o == t.Subject.Object:
		return t.name
	case known && p.Name != "":
		return p.Name
	}
	return "the " + typeName(o.Type) + " " + o.ID
}

// claim is the answer itself.
func (t *tree) claim(allowed bool) string {
	if what, ok := permissions[t.Resource.Type][t.Permission]; ok {
		return may(t.name, what, allowed, t.called(t.Resource))
	}
	stands := map[bool]string{true: "stands", false: "does not stand"}[allowed]
	return fmt.Sprintf("%s %s in the relation %s to %s", t.name, stands, t.Permission, t.called(t.Resource))
}

// told says what a permission rests on.
func (t *tree) told(w way) string {
	var is []string
	for _, r := range w.by {
		role, _ := roleOf(r)
		text := being(role, now, t.called(r.Resource))
		if !r.EndsAt.IsZero() {
			text += " until " + t.until(r.Resource, r.EndsAt)
		}
		is = append(is, text)
	}
	if w.own {
		return "it is " + t.name + "'s own"
	}
	if len(is) > 0 {
		return t.name + " " + list(is)
	}
	if len(w.above) > 0 {
		return "by way of " + oneOf(w.above[0]) + " that is not shown to you"
	}
	return ""
}

// lacking says what stands between the subject and the permission.
func (t *tree) lacking(m miss) string {
	var reasons []string
	switch {
	case len(m.lacks) > 0 && len(m.has) > 0:
		var is, isNot []string
		for _, r := range m.has {
			role, _ := roleOf(r)
			is = append(is, being(role, now, t.called(r.Resource)))
		}
		for _, l := range m.lacks {
			role, _ := roleOf(access.Relate(l.object, l.name, t.Subject.Object))
			isNot = append(isNot, being(role, never, t.called(l.object)))
		}
		reasons = append(reasons, t.name+" "+list(is)+" but "+list(isNot))
	case len(m.lacks) > 0 || m.none:
		reasons = append(reasons, t.name+" has no role that allows it")
	}
	for _, fact := range m.facts {
		if !slices.Contains(reasons, fact) {
			reasons = append(reasons, fact)
		}
	}
	return list(reasons)
}

// fact says what is the matter with an object.
func (t *tree) fact(text string, o access.Object) string {
	return strings.NewReplacer("%[1]s", t.called(o), "%[2]s", t.name).Replace(text)
}

// by adds who did something to an object, if the asker may know: operators know
// everybody, others themselves and those who have something to do with the object.
// Whoever asks about themself learns nothing about others.
func (t *tree) by(ctx context.Context, text, deed string, object, actor access.Object) (string, error) {
	if actor.Type != access.TypeUser {
		return text, nil
	}
	if actor != t.Asker && !t.operator {
		if t.itself() {
			return text, nil
		}
		held, err := t.Store.ReadAt(ctx, t.at, access.On(object, "").To(actor))
		if err != nil || len(held) == 0 {
			return text, err
		}
	}
	people, err := t.Directory.PeopleByID(ctx, []string{actor.ID})
	if person, known := people[actor.ID]; known {
		text += ", " + deed + " " + nameOf(person)
	}
	return text, err
}

// zone is where an object keeps its days.
func (t *tree) zone(o access.Object) *time.Location {
	for _, name := range []string{t.profiles[o].TimeZone, t.TimeZone} {
		if zone, err := time.LoadLocation(name); err == nil && name != "" {
			return zone
		}
	}
	return time.UTC
}

// day is the date of a moment where the object is.
func (t *tree) day(o access.Object, at time.Time) string {
	return at.In(t.zone(o)).Format("2 January 2006")
}

// until is the last day before an end or, if it does not come with a day's, the moment.
func (t *tree) until(o access.Object, end time.Time) string {
	last := end.Add(-time.Nanosecond).In(t.zone(o))
	day, err := access.ParseDay(last.Format(time.DateOnly))
	if err == nil && day.End(t.zone(o)).Equal(end) {
		return t.day(o, last)
	}
	return end.In(t.zone(o)).Format("2 January 2006, 15:04 MST")
}
