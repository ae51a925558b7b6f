package integration

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAuthzenEvaluations answers in order, up to the decision at which the semantic
// stops, with what each leaves out taken from the request around it.
func TestAuthzenEvaluations(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "evaluations")
	mia := entity("user", w.add(t, "project", w.email("mia"), "project_member"))
	project := entity("project", w.id("project"))
	view, administer := object{"action": object{"name": "view"}}, object{"action": object{"name": "administer"}}
	about := object{"subject": mia, "resource": project}
	whole := evaluation(mia, "view", project)
	semantic := func(name string) object { return object{"evaluations_semantic": name} }

	for name, c := range map[string]struct {
		request   object
		decisions []bool
	}{
		"all by default":                   {about.with("evaluations", []object{view, administer, view}), []bool{true, false, true}},
		"all by name":                      {about.with("evaluations", []object{administer, view}).with("options", semantic("execute_all")), []bool{false, true}},
		"all with other options":           {about.with("evaluations", []object{view}).with("options", object{"another_option": 1}), []bool{true}},
		"up to the first deny":             {about.with("evaluations", []object{view, administer, view}).with("options", semantic("deny_on_first_deny")), []bool{true, false}},
		"up to a deny that is the first":   {about.with("evaluations", []object{administer, view}).with("options", semantic("deny_on_first_deny")), []bool{false}},
		"no deny to stop at":               {about.with("evaluations", []object{view, view}).with("options", semantic("deny_on_first_deny")), []bool{true, true}},
		"up to the first permit":           {about.with("evaluations", []object{administer, view, administer}).with("options", semantic("permit_on_first_permit")), []bool{false, true}},
		"up to a permit that is the first": {about.with("evaluations", []object{view, administer}).with("options", semantic("permit_on_first_permit")), []bool{true}},
		"no permit to stop at":             {about.with("evaluations", []object{administer, administer}).with("options", semantic("permit_on_first_permit")), []bool{false, false}},
		"the unknown is a deny to stop at": {about.with("evaluations", []object{{"action": object{"name": "fly"}}, view}).with("options", semantic("deny_on_first_deny")), []bool{false}},
		"without defaults":                 {object{"evaluations": []object{whole, whole.with("action", administer["action"])}}, []bool{true, false}},
		"all from the defaults":            {whole.with("evaluations", []object{{}, {}}), []bool{true, true}},
		"a default overridden":             {whole.with("evaluations", []object{administer, {}}), []bool{false, true}},
		"a default overridden as a whole":  {whole.with("evaluations", []object{{"subject": entity("user", "nobody")}, {"resource": entity("project", "ghost")}}), []bool{false, false}},
		"the unknown among others":         {whole.with("evaluations", []object{{"resource": entity("unicorn", "a")}, {}, {"subject": entity("user", "a b")}}), []bool{false, true, false}},
		"unknown fields":                   {whole.with("evaluations", []object{{"Action": administer["action"], "surprise": true}}), []bool{true}},
		"a thousand":                       {whole.with("evaluations", make([]struct{}, 1000)), repeatedly(true, 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			got := shared.operator(t).post(t, evaluationsPath, c.request).want(t, http.StatusOK)
			var answered map[string][]map[string]any
			require.NoError(t, json.Unmarshal(got.body, &answered), "there is no decision beside the list")
			want := make([]map[string]any, len(c.decisions))
			for i, decision := range c.decisions {
				want[i] = map[string]any{"decision": decision}
			}
			assert.Equal(t, map[string][]map[string]any{"evaluations": want}, answered)
		})
	}
	for name, request := range map[string]object{
		"absent": whole, "empty": whole.with("evaluations", []object{}),
	} {
		t.Run("evaluations are "+name, func(t *testing.T) {
			got := shared.operator(t).post(t, evaluationsPath, request).want(t, http.StatusOK)
			assert.JSONEq(t, `{"decision":true}`, string(got.body))
		})
	}
}

func repeatedly(decision bool, times int) []bool {
	all := make([]bool, times)
	for i := range all {
		all[i] = decision
	}
	return all
}

// TestAuthzenEvaluationsFailSingly denies what may not be asked, says why, and
// leaves the rest alone, unless a failure is the deny at which to stop.
func TestAuthzenEvaluationsFailSingly(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "fail-singly")
	w.add(t, "project", w.email("mia"), "project_member")
	mia := shared.as(t, w.email("mia"))
	own := evaluation(entity("user", mia.get(t, "/v1/me").text(t, "id")), "view", entity("project", w.id("project")))
	foreign := own.with("subject", entity("user", w.email("admin")))

	for name, c := range map[string]struct {
		semantic string
		answered int
	}{
		"execute_all":            {"execute_all", 3},
		"deny_on_first_deny":     {"deny_on_first_deny", 2},
		"permit_on_first_permit": {"permit_on_first_permit", 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := mia.post(t, evaluationsPath, object{
				"evaluations": []object{own, foreign, own}, "options": object{"evaluations_semantic": c.semantic},
			}).want(t, http.StatusOK)
			assert.Len(t, got.at(t, "evaluations"), c.answered)
			assert.Equal(t, true, got.at(t, "evaluations", 0, "decision"))
			if c.answered > 1 {
				assert.Equal(t, false, got.at(t, "evaluations", 1, "decision"))
				assert.EqualValues(t, http.StatusForbidden, got.at(t, "evaluations", 1, "context", "error", "status"))
				assert.NotEmpty(t, got.text(t, "evaluations", 1, "context", "error", "message"))
			}
		})
	}
	t.Run("a failure is no permit", func(t *testing.T) {
		got := mia.post(t, evaluationsPath, object{
			"evaluations": []object{foreign, own, foreign}, "options": object{"evaluations_semantic": "permit_on_first_permit"},
		}).want(t, http.StatusOK)
		assert.Len(t, got.at(t, "evaluations"), 2)
		assert.Equal(t, true, got.at(t, "evaluations", 1, "decision"))
	})
}
