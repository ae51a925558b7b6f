package httpapi

import (
	stdjson "encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/access"
)

// sample has fields of every kind that requests have.
type sample struct {
	Name string         `json:"name"`
	In   *sample        `json:"in"`
	Each []sample       `json:"each"`
	Any  map[string]any `json:"any"`
	N    int            `json:"n"`
}

func TestBodyIsOneStrictValue(t *testing.T) {
	for text, code := range map[string]string{
		`{"name":"Ann"}`: "",
		`{"in":{"name":"b"},"each":[{"name":"c"},{"name":"c"}],"name":""}`: "",
		`{"any":{"IP":1,"ſ":{"":2}}}`:                                      "",
		`"name"`:                                                           "malformed_json",
		`{"n":"1"}`:                                                        "malformed_json",
		`{"n":1.5}`:                                                        "malformed_json",
		` `:                                                                "malformed_json",
		`{"name":`:                                                         "malformed_json",
		`{"name":"Ann"} {}`:                                                "malformed_json",
		`{"name":"Ann"}x`:                                                  "malformed_json",
		"{\"name\":\"\xff\"}":                                              "malformed_json",
		`{"name":"Ann","name":"Bob"}`:                                      "repeated_field",
		`{"in":{"name":"a","n\u0061me":"b"}}`:                              "repeated_field",
		`{"each":[{"any":[1,{"b":1,"b":1}]}]}`:                             "malformed_json",
		`{"each":[{"any":{"a":[{"b":1,"b":1}]}}]}`:                         "repeated_field",
		`{"Name":"Ann"}`:                                                   "unknown_field",
		`{"in":{"ſame":1}}`:                                                "unknown_field",
		`{"":1}`:                                                           "unknown_field",
	} {
		err := decode([]byte(text), &sample{})
		if code == "" {
			assert.NoError(t, err, text)
		} else {
			assert.True(t, access.HasCode(err, code), "%s: %v", text, err)
		}
	}
}

func TestWhatIsWrongWithABodyIsNamed(t *testing.T) {
	assert.ErrorContains(t, decode([]byte(`{"in":{"nane":1}}`), &sample{}), `"nane"`)
	assert.ErrorContains(t, decode([]byte(`{"in":{"n":1,"n":2}}`), &sample{}), `"n"`)
}

// FuzzDecode: what passes is one value, and means the same to any decoder.
func FuzzDecode(f *testing.F) {
	f.Add(`{"name":"a","each":[{"any":{"b":[null,{}]}}],"n":-1}`)
	f.Add(`{"n":1,"n":2}`)
	f.Add(`{"any":{}}{`)
	f.Add(`{"NAME":"a"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var ours, theirs sample
		if decode([]byte(text), &ours) != nil {
			return
		}
		strict := stdjson.NewDecoder(strings.NewReader(text))
		strict.DisallowUnknownFields()
		assert.NoError(t, strict.Decode(&theirs), text)
		assert.False(t, strict.More(), "more than one value in %q", text)
		assert.Equal(t, theirs, ours, text)
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
