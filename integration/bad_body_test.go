package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBodiesAreReadStrictly spoils a good request of each operation that takes a
// body in every way there is. Nothing comes of any of them.
func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "strict")
	operator := w.almighty(t)

	good := map[string]attempt{}
	for _, r := range rules() {
		if _, known := good[r.operation]; known {
			continue
		}
		if try := w.attempt(t, r); try.body != "" && !strings.HasPrefix(try.path, "/access/v1/") { // where AuthZEN's rules hold
			good[r.operation] = try
		}
	}
	require.NotEmpty(t, good)

	for name, c := range map[string]struct {
		spoil  func(body string) string
		status int
		code   string
	}{
		"nothing":            {func(string) string { return "" }, 400, "malformed_json"},
		"white space":        {func(string) string { return " \n" }, 400, "malformed_json"},
		"cut off":            {func(b string) string { return b[:len(b)-1] }, 400, "malformed_json"},
		"a second value":     {func(b string) string { return b + "{}" }, 400, "malformed_json"},
		"garbage behind":     {func(b string) string { return b + " x" }, 400, "malformed_json"},
		"garbage before":     {func(b string) string { return "x" + b }, 400, "malformed_json"},
		"byte order mark":    {func(b string) string { return "\ufeff" + b }, 400, "malformed_json"},
		"invalid UTF-8":      {func(b string) string { return strings.Replace(b, `":`, "\xff\":", 1) }, 400, "malformed_json"},
		"single quotes":      {func(b string) string { return strings.ReplaceAll(b, `"`, `'`) }, 400, "malformed_json"},
		"comment":            {func(b string) string { return b + "// why not" }, 400, "malformed_json"},
		"array":              {func(b string) string { return "[" + b + "]" }, 400, "malformed_json"},
		"text":               {func(string) string { return `"{}"` }, 400, "malformed_json"},
		"number":             {func(string) string { return "7" }, 400, "malformed_json"},
		"nesting":            {func(string) string { return strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) }, 400, "malformed_json"},
		"unknown field":      {func(b string) string { return strings.Replace(b, "{", `{"surprise":true,`, 1) }, 400, "unknown_field"},
		"misspelt case":      {func(b string) string { return strings.ToUpper(b[:3]) + b[3:] }, 400, "unknown_field"},
		"repeated field":     {func(b string) string { return b[:len(b)-1] + "," + b[1:] }, 400, "repeated_field"},
		"form":               {func(string) string { return "name=x&email=x%40y.example" }, 400, "malformed_json"},
		"too large":          {oversize, 413, "body_too_large"},
		"too large and none": {func(string) string { return strings.Repeat("x", 2<<20) }, 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.relationships(t)
			for operation, try := range good {
				got := operator.do(t, try.method, try.path, c.spoil(try.body))
				assert.Equal(t, c.status, got.status, "%s: %s", operation, got.body)
				got.code(t, c.code)
			}
			require.Equal(t, before, s.relationships(t))
		})
	}

	t.Run("where none is taken", func(t *testing.T) {
		for _, r := range rules() {
			if _, takesOne := good[r.operation]; takesOne {
				continue
			}
			if try := w.attempt(t, r); try.body == "" {
				operator.do(t, try.method, try.path, "{}").want(t, http.StatusBadRequest).code(t, "unexpected_body")
			}
		}
	})

	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/problem+json", "json", "application/json2; charset=utf-8"} {
		t.Run("as "+contentType, func(t *testing.T) {
			for _, try := range good {
				operator.do(t, try.method, try.path, try.body, "Content-Type", contentType).
					want(t, http.StatusUnsupportedMediaType).code(t, "unsupported_media_type")
			}
		})
	}

	t.Run("too large, of a length nobody was told", func(t *testing.T) {
		for _, try := range good {
			request, sent, err := operator.request(try.method, try.path, oversize(try.body))
			require.NoError(t, err)
			request.ContentLength, request.Body = -1, io.NopCloser(strings.NewReader(string(sent)))
			got, err := s.exchange(request)
			require.NoError(t, err)
			require.NoError(t, theContract().check(request, sent, got))
			got.want(t, http.StatusRequestEntityTooLarge).code(t, "body_too_large")
		}
	})

	t.Run("and the good ones are good", func(t *testing.T) {
		for operation, try := range good {
			if operation != "acceptInvitation" { // which is for another
				require.Less(t, operator.do(t, try.method, try.path, try.body, "Content-Type", "application/json; charset=utf-8").status, 300, operation)
			}
		}
	})
}

// oversize makes a body a byte larger than is read, without a change of meaning.
func oversize(body string) string {
	const most = 1 << 20
	return strings.Repeat(" ", most+1-len(body)) + body
}
