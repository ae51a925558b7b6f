package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/access"
)

func TestBodyIsOneStrictValue(t *testing.T) {
	for text, code := range map[string]string{
		``:                                   "",
		`{"name":"Ann"}`:                     "",
		`{"a":{"b":1},"c":[{"b":1}],"b":""}`: "",
		`[{"a":"a"},{"a":"a"}]`:              "",
		`"name"`:                             "",
		`{"name":`:                           "malformed_json",
		`{"name":"Ann"} {}`:                  "malformed_json",
		`{"name":"Ann"}x`:                    "malformed_json",
		"{\"name\":\"\xff\"}":                "malformed_json",
		`{"name":"Ann","name":"Bob"}`:        "repeated_field",
		`{"a":{"b":1,"b":2}}`:                "repeated_field",
		`[{"a":[1,{"b":1,"b":1}]}]`:          "repeated_field",
		`{"Name":"Ann"}`:                     "unknown_field",
		`{"a":{"ſ":1}}`:                      "unknown_field",
		`{"":1}`:                             "unknown_field",
	} {
		err := checkJSON([]byte(text), false)
		if code == "" {
			assert.NoError(t, err, text)
		} else {
			assert.True(t, access.HasCode(err, code), "%s: %v", text, err)
		}
	}
}

// FuzzCheckJSON: what passes is one value, and means the same to any decoder.
func FuzzCheckJSON(f *testing.F) {
	f.Add(`{"a":[{"b":null},[],{}],"c":1e9}`)
	f.Add(`{"a":1,"a":2}`)
	f.Add(`[[[["a"]]]]`)
	f.Add(`{"a":{}}{`)
	f.Fuzz(func(t *testing.T, text string) {
		if checkJSON([]byte(text), false) != nil || text == "" {
			return
		}
		var into struct{ Name, Email any }
		strict := json.NewDecoder(strings.NewReader(text))
		if err := strict.Decode(&into); err == nil && strict.More() {
			t.Fatalf("more than one value in %q", text)
		}
		if into.Name != nil && !strings.Contains(text, `"name"`) && !strings.Contains(text, `\u`) {
			t.Fatalf("%q was taken for a name", text)
		}
	})
}

func TestContractSaysWhatEachOperationTakes(t *testing.T) {
	contract, err := readContract(Spec)
	assert.NoError(t, err)
	members := contract["GET /v1/:collection/:id/members"]
	assert.Equal(t, "listMembers", members.id)
	assert.True(t, members.query["q"] && members.query["limit"] && members.query["cursor"])
	assert.False(t, members.body || members.repeatable)
	end := contract["DELETE /v1/:collection/:id/members/:user/roles/:role"]
	assert.True(t, end.query["ends_on"], "an end date must not be taken for an end now")
	assert.True(t, end.repeatable)
	for route, r := range contract {
		asks := strings.Contains(route, "/check") || strings.Contains(route, "/lookup/") || strings.Contains(route, "/access/") || strings.Contains(route, "/explain")
		writes := !strings.HasPrefix(route, "GET ") && !asks
		assert.Equal(t, writes, r.repeatable, "%s: every write takes an Idempotency-Key, and no question does", route)
	}
}
