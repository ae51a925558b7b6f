package authn

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzClaims: of claims that pass, every reader takes the same for somebody's subject,
// be it the first or the last of several, and mind it letters or not.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://a.example","sub":"ann","aud":["b"],"exp":1e9,"email_verified":"true"}`))
	f.Add([]byte(`{"sub":"ann","SUB":"olga"}`))
	f.Add([]byte(`{"sub":"ann","s\u0075b":"olga"}`))
	f.Add([]byte(`{"sub":"ann","ſub":"olga"}`))
	f.Add([]byte(`{"sub":"\ud800"}`))
	f.Add([]byte(`{"x":{"sub":1,"sub":2}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if unambiguous(payload) != nil {
			return
		}
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(payload, &all))
		spelt := 0
		for name := range all {
			if strings.EqualFold(name, "sub") {
				spelt++
			}
		}
		assert.LessOrEqual(t, spelt, 1)
		var folded struct{ Sub json.RawMessage }
		require.NoError(t, json.Unmarshal(payload, &folded))
		assert.Equal(t, string(all["sub"]), string(folded.Sub))
	})
}
