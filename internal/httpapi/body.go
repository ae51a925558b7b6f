package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// maxBody bounds a request body, in bytes: a thousand checks fit.
const maxBody = 1 << 20

// readBody reads the body before anything is done on its strength: it must be of
// bearable size and exactly one JSON value.
func (a *api) readBody(c *gin.Context) {
	text, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		write(c, newProblem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("a request body may have %d bytes", maxBody)))
		return
	case err != nil:
		a.refuse(c, access.Fail(access.Malformed, "malformed_body", "the body could not be read to its end"))
		return
	case len(text) > 0 && !strings.EqualFold(c.ContentType(), "application/json"):
		status := http.StatusUnsupportedMediaType
		if isAuthzen(c) {
			status = http.StatusBadRequest
		}
		write(c, newProblem(status, "unsupported_media_type", "send application/json"))
		return
	}
	if err := checkJSON(text, isAuthzen(c)); err != nil {
		a.refuse(c, err)
		return
	}
	remember(c, keyBody, text)
	c.Request.Body = io.NopCloser(bytes.NewReader(text))
}

func body(c *gin.Context) []byte {
	return c.Request.Context().Value(keyBody).([]byte) // readBody set it
}

// fieldPattern is what the contract's field names look like. The decoder would
// take other spellings of their letters for them.
var fieldPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkJSON refuses what the decoder would read all the same: more than one value,
// one field twice, names in capitals unless fields may have any name.
// Errors: Malformed (malformed_json, unknown_field, repeated_field).
func checkJSON(text []byte, anyName bool) error {
	if len(text) == 0 {
		return nil
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return access.Fail(access.Malformed, "malformed_json", "the body is not JSON")
	}
	type scope struct {
		fields map[string]bool // nil in an array
		value  bool            // the next token is one
	}
	var open []*scope
	tokens := json.NewDecoder(bytes.NewReader(text))
	tokens.UseNumber()
	for {
		token, err := tokens.Token()
		if err != nil {
			return nil // the end: the text is valid
		}
		within := &scope{}
		if len(open) > 0 {
			within = open[len(open)-1]
		}
		if name, ok := token.(string); ok && within.fields != nil && !within.value {
			switch {
			case !anyName && !fieldPattern.MatchString(name):
				return access.Fail(access.Malformed, "unknown_field", "unknown field %q", name)
			case within.fields[name]:
				return access.Fail(access.Malformed, "repeated_field", "the field %q stands there twice", name)
			}
			within.fields[name], within.value = true, true
			continue
		}
		within.value = false
		switch token {
		case json.Delim('{'):
			open = append(open, &scope{fields: map[string]bool{}})
		case json.Delim('['):
			open = append(open, &scope{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// unreadable says why a body is not what the request takes.
func unreadable(err error) error {
	var told *access.Error
	if errors.As(err, &told) {
		return told
	}
	if errors.Is(err, io.EOF) {
		return access.Fail(access.Malformed, "malformed_json", "this request needs a JSON body")
	}
	if _, field, ok := strings.Cut(err.Error(), "json: unknown field "); ok {
		return access.Fail(access.Malformed, "unknown_field", "unknown field %s", field)
	}
	return access.Fail(access.Malformed, "malformed_json", "the body is not the JSON this request takes")
}
