package explain_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/explain"
	"github.com/gatehouse/gatehouse/internal/roles"
)

var crowd = []access.Object{access.User("0"), access.User("1")}

// draw makes a random world of whatever the schema allows: two objects of each
// type, one of what belongs to others, tied to each other and to people by any relation.
func draw(t *rapid.T, shape access.Shape) (facts []access.Relationship) {
	objects := map[string][]access.Object{access.TypeUser: crowd, access.TypePlatform: {access.Platform}}
	for objectType := range shape {
		if objects[objectType] == nil {
			objects[objectType] = []access.Object{{Type: objectType, ID: "a"}, {Type: objectType, ID: "b"}}
			if kind, _ := roles.KindOf(objectType); kind.PeopleBy == "" {
				objects[objectType] = objects[objectType][:1]
			}
		}
	}
	for _, objectType := range slices.Sorted(maps.Keys(shape)) {
		for _, relation := range slices.Sorted(maps.Keys(shape[objectType])) {
			rule := shape[objectType][relation]
			if rule.Formula != nil {
				continue
			}
			for _, object := range objects[objectType] {
				for _, subjectType := range rule.Subjects {
					subjects := objects[subjectType]
					if rule.Flag {
						subjects = []access.Object{{Type: subjectType, ID: "*"}}
					}
					for _, subject := range subjects {
						if rapid.Bool().Draw(t, "holds") {
							r := access.Relate(object, relation, subject)
							if relation == "invitee" || relation == "pulse" {
								r.EndsAt = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
							}
							facts = append(facts, r)
						}
					}
				}
			}
		}
	}
	return facts
}

// TestExplanationsAgreeWithChecks in any world, about anybody, whoever asks: each
// result that is shown is what a check says, and what the asker may not see is not
// there.
func TestExplanationsAgreeWithChecks(t *testing.T) {
	t.Parallel()
	w := start(t)
	var asked []access.Check
	for objectType, rules := range w.Shape {
		object := access.Object{Type: objectType, ID: "a"}
		switch objectType {
		case access.TypePlatform:
			object = access.Platform
		case access.TypeUser:
			object = crowd[0]
		}
		for name, rule := range rules {
			if rule.Formula != nil {
				asked = append(asked, access.Check{Resource: object, Permission: name})
			}
		}
	}
	slices.SortFunc(asked, func(a, b access.Check) int {
		return cmp.Or(cmp.Compare(a.Resource.Type, b.Resource.Type), cmp.Compare(a.Permission, b.Permission))
	})
	answers := map[bool]int{}
	rapid.Check(t, func(rt *rapid.T) {
		facts := draw(rt, w.Shape)
		w.write(access.Touch, facts)
		defer w.write(access.Delete, facts)
		asker, subject := rapid.SampledFrom(crowd).Draw(rt, "asker"), rapid.SampledFrom(crowd).Draw(rt, "subject")
		for range 4 {
			c := rapid.SampledFrom(asked).Draw(rt, "check")
			c.Subject.Object = subject
			if !w.mayAsk(asker, subject, c.Resource) {
				continue
			}
			q := explain.Question{Asker: asker, Check: c}
			got, err := w.Explain(t.Context(), q)
			require.NoError(rt, err)
			require.Equal(rt, w.allows(subject, c.Permission, c.Resource), got.Allowed, "%s of %s", c.Permission, c.Resource)
			w.agrees(rt, q, got.Tree, true)
			require.NotContains(rt, got.Sentence, "%", "a table of words is wrong")
			answers[got.Allowed]++
		}
	})
	assert.NotZero(t, answers[true])
	assert.NotZero(t, answers[false])
}

// agrees holds a node, and those beneath, against checks and the asker's rights.
func (w *world) agrees(t *rapid.T, q explain.Question, n *explain.Node, root bool) {
	if n.Name != "" && n.Result != explain.Unknown {
		require.Equal(t, w.allows(q.Subject.Object, n.Name, n.Object), n.Result == explain.True, "%s of %s", n.Name, n.Object)
	}
	operator := w.allows(q.Asker, "operate", access.Platform)
	if !operator && n.Name != "" && !root {
		require.True(t, w.maySee(q.Asker, q.Subject.Object, n.Object), "%s is shown %s", q.Asker, n.Object)
	}
	for _, r := range n.Matched {
		require.Contains(t, []string{q.Subject.ID, "*"}, r.Subject.ID, "it is about somebody else")
		require.Contains(t, w.facts, r)
		if r.Relation == "shareable_cockpit" && !operator {
			require.True(t, w.allows(q.Asker, "manage_people", r.Resource), "%s is shown the feature", q.Asker)
		}
	}
	if n.Tie == "allowed" && len(n.Children) > 0 && !operator {
		require.True(t, w.allows(q.Asker, "manage_people", n.Object), "%s is shown the allow-list", q.Asker)
	}
	for _, child := range n.Children {
		w.agrees(t, q, child, false)
	}
}

// mayAsk is who may ask, as the API has it.
func (w *world) mayAsk(asker, subject, object access.Object) bool {
	kind, _ := roles.KindOf(object.Type)
	return asker == subject || w.allows(asker, "operate", access.Platform) || kind.PeopleBy != "" && w.allows(asker, kind.PeopleBy, object)
}

func (w *world) maySee(asker, subject, object access.Object) bool {
	if asker == subject {
		return object == asker || w.allows(asker, "read", object)
	}
	kind, _ := roles.KindOf(object.Type)
	return w.allows(asker, kind.PeopleBy, object)
}

func (w *world) allows(subject access.Object, permission string, object access.Object) bool {
	w.t.Helper()
	question := [3]string{subject.String(), permission, object.String()}
	if answer, asked := w.answers[question]; asked {
		return answer
	}
	decision, err := w.engine.Check(w.t.Context(), access.Check{Resource: object, Permission: permission, Subject: access.Subject{Object: subject}})
	require.NoError(w.t, err)
	w.answers[question] = decision.Allowed
	return decision.Allowed
}

func (w *world) write(verb access.Verb, facts []access.Relationship) {
	w.t.Helper()
	w.answers = map[[3]string]bool{}
	w.facts = facts
	for some := range slices.Chunk(facts, 900) {
		var write access.Write
		for _, fact := range some {
			write.Updates = append(write.Updates, access.Update{Verb: verb, Relationship: fact})
		}
		_, err := w.gateway.Write(w.t.Context(), write)
		require.NoError(w.t, err)
	}
}

// TestManyTargets shows those of a long allow-list that count.
func TestManyTargets(t *testing.T) {
	t.Parallel()
	w := start(t)
	globex := access.Object{Type: access.TypeInstance, ID: "globex"}
	facts := []access.Relationship{
		access.Relate(access.Platform, "operator", w.person("olga")),
		access.Relate(globex, "shareable_cockpit", access.User("*")),
		access.Relate(access.Object{Type: access.TypeInstance, ID: "n499"}, "member", w.person("gina")),
	}
	for n := range 500 {
		facts = append(facts, access.Relate(globex, "allowed", access.Object{Type: access.TypeInstance, ID: fmt.Sprint("n", n)}))
	}
	w.write(access.Touch, facts)

	tree := w.ask(w.person("olga"), "guest", globex, "gina").Tree
	arrow := tree.Children[0]
	assert.Equal(t, "allowed", arrow.Tie)
	assert.Len(t, arrow.Children, 20)
	assert.Equal(t, 480, arrow.LeftOut)
	assert.Equal(t, "n499", arrow.Children[0].Object.ID)
	assert.Equal(t, explain.True, arrow.Children[0].Result)
}

// TestSetsOfSubjectsAreNotExplained refuses what has no one reason.
func TestSetsOfSubjectsAreNotExplained(t *testing.T) {
	t.Parallel()
	w := start(t)
	client := access.Object{Type: access.TypeClient, ID: "globex"}
	_, err := w.Explain(t.Context(), explain.Question{Asker: w.person("olga"), Check: access.Check{
		Resource: client, Permission: "administer", Subject: access.Subject{Object: client, Relation: "admin"},
	}})
	assert.True(t, access.HasCode(err, "malformed_reference"), err)
}

// TestRolesThatEndAreNeverContradicted asks while a role ends: the tree and the
// answer tell the same.
func TestRolesThatEndAreNeverContradicted(t *testing.T) {
	t.Parallel()
	w := start(t)
	acme := access.Object{Type: access.TypeCustomerAccount, ID: "acme"}
	end := time.Now().Add(2 * time.Second).Truncate(time.Second)
	held := access.Relate(acme, "cockpit_access", w.person("ann"))
	held.EndsAt = end
	w.write(access.Touch, []access.Relationship{held, access.Relate(access.Platform, "operator", w.person("olga"))})
	q := explain.Question{Asker: w.person("olga"), Check: access.Check{Resource: acme, Permission: "access_cockpit", Subject: held.Subject}}
	for allowed := true; allowed; {
		got, err := w.Explain(t.Context(), q)
		require.NoError(t, err)
		allowed = got.Allowed
		leaf := got.Tree.Children[0]
		require.Equal(t, allowed, len(leaf.Matched) == 1)
		require.Equal(t, got.Tree.Result, leaf.Result)
	}
	assert.False(t, time.Now().Before(end), "it was denied too early")
}
