package access_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatehouse/gatehouse/internal/access"
)

func TestParseObject(t *testing.T) {
	longest := strings.Repeat("a", 1024)
	for name, c := range map[string]struct {
		objectType, id string
		accepted       bool
	}{
		"plain":                     {"customer_account", "acme", true},
		"prefixed type":             {"gatehouse/customer_account", "acme", true},
		"digits in the type":        {"ipv4", "as64496", true},
		"ULID":                      {"user", "01J9Z6V3KQ8F0WZ5T1M2N3P4R5", true},
		"every character of ids":    {"user", "aZ09/_|-=+", true},
		"longest id":                {"user", longest, true},
		"id too long":               {"user", longest + "a", false},
		"no type":                   {"", "acme", false},
		"no id":                     {"user", "", false},
		"type in upper case":        {"User", "ann", false},
		"type starts with a digit":  {"1user", "ann", false},
		"type ends with underscore": {"user_", "ann", false},
		"type too short":            {"us", "ann", false},
		"type too long":             {strings.Repeat("a", 65), "ann", false},
		"type with long prefixes":   {strings.Repeat("gatehouse/", 12) + "account", "acme", true},
		"type with longer prefixes": {strings.Repeat("gatehouse/", 12) + "customer_account", "acme", false},
		"type with a newline":       {"user\n", "ann", false},
		"type with a colon":         {"user:ann", "ann", false},
		"empty prefix":              {"/user", "ann", false},
		"wildcard":                  {"user", "*", false},
		"relation":                  {"group", "eng#member", false},
		"id with a colon":           {"user", "a:b", false},
		"id with a space":           {"user", "a b", false},
		"id with a newline":         {"user", "ann\n", false},
		"id with NUL":               {"user", "a\x00b", false},
		"id with a dot":             {"user", "as64496.ann", false},
		"e-mail as id":              {"user", "ann@example.com", false},
		"look-alike":                {"user", "аnn", false},
		"invalid UTF-8":             {"user", "a\xff", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := access.ParseObject(c.objectType, c.id)
			if !c.accepted {
				require.True(t, access.HasCode(err, "malformed_reference"), "%v", err)
				require.True(t, access.IsKind(err, access.Invalid))
				assert.Zero(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, access.Object{Type: c.objectType, ID: c.id}, got)
		})
	}
}

func TestParseNewID(t *testing.T) {
	for id, accepted := range map[string]bool{
		"acme":                  true,
		"A":                     true,
		"0":                     true,
		"acme_2-b":              true,
		strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false,
		"":                      false,
		"-acme":                 false,
		"_acme":                 false,
		"acme/1":                false,
		"acme.1":                false,
		"acme 1":                false,
		"acme\n":                false,
		"..":                    false,
		"%2e":                   false,
		"ácme":                  false,
		"*":                     false,
	} {
		t.Run(id, func(t *testing.T) {
			got, err := access.ParseNewID(id)
			if !accepted {
				require.True(t, access.HasCode(err, "malformed_id"), "%v", err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, id, got)
		})
	}
}

func TestRefusalQuotesOnlyTheBeginning(t *testing.T) {
	_, err := access.ParseObject("user", "\r\n"+strings.Repeat("€", 1<<20))
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
	assert.False(t, strings.ContainsFunc(err.Error(), unicode.IsControl))
}

func FuzzParseObject(f *testing.F) {
	for _, seed := range []access.Object{
		{Type: "user", ID: "01J9Z6V3KQ8F0WZ5T1M2N3P4R5"},
		{Type: "gatehouse/customer_account", ID: "acme"},
		{Type: "user", ID: "*"},
		{Type: "user", ID: "a:b#c@d"},
		{Type: "user:x", ID: "ann"},
		{Type: "user\n", ID: "ann\r\n"},
		{Type: "user", ID: "аnn\x00"},
		{Type: "user", ID: "aZ09/_|-=+"},
	} {
		f.Add(seed.Type, seed.ID)
	}
	f.Fuzz(func(t *testing.T, objectType, id string) {
		o, err := access.ParseObject(objectType, id)
		if err != nil {
			require.True(t, access.HasCode(err, "malformed_reference"))
			require.Less(t, len(err.Error()), 500)
			require.False(t, strings.ContainsFunc(err.Error(), unicode.IsControl), "%q", err.Error())
			return
		}
		require.False(t, strings.ContainsFunc(o.String(), unicode.IsControl))
		require.False(t, strings.ContainsFunc(o.String(), unicode.IsSpace))

		readType, readID, _ := strings.Cut(o.String(), ":")
		again, err := access.ParseObject(readType, readID)
		require.NoError(t, err)
		require.Equal(t, o, again)
	})
}

func FuzzParseNewID(f *testing.F) {
	for _, seed := range []string{"acme", "A_1-b", "", "-acme", "../acme", "acme\n", "a%2fb", "ácme", strings.Repeat("a", 65)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		got, err := access.ParseNewID(id)
		if err != nil {
			require.True(t, access.HasCode(err, "malformed_id"))
			require.Less(t, len(err.Error()), 500)
			return
		}
		require.Equal(t, id, got)
		require.Equal(t, id, url.PathEscape(id), "an id must stand unescaped in a URL")
		_, err = access.ParseObject(access.TypePartner, id)
		require.NoError(t, err, "what may be created may be named")
	})
}

// The patterns of SpiceDB's ObjectReference.
var (
	typePattern = regexp.MustCompile(`^([a-z][a-z0-9_]{1,61}[a-z0-9]/)*[a-z][a-z0-9_]{1,62}[a-z0-9]$`)
	idPattern   = regexp.MustCompile(`^[a-zA-Z0-9/_|\-=+]+$`)
)

func TestReferencesAreThoseOfSpiceDB(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		objectType := rapid.StringOfN(rapid.SampledFrom([]rune("ab9_/A")), 0, 70, -1).Draw(t, "type")
		id := rapid.StringOfN(rapid.SampledFrom([]rune("aZ09/_|-=+@[`{ ä")), 0, 8, -1).Draw(t, "id")
		_, err := access.ParseObject(objectType, "ann")
		assert.Equal(t, typePattern.MatchString(objectType), err == nil, objectType)
		_, err = access.ParseObject("user", id)
		assert.Equal(t, idPattern.MatchString(id), err == nil, id)
	})
}
