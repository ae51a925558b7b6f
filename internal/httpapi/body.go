package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	ginjson "github.com/gin-gonic/gin/codec/json"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// maxBody bounds a request body, in bytes: a thousand checks fit.
	maxBody = 1 << 20
	// smallBody is what a caller gets memory for on their word.
	smallBody = 16 << 10
)

// readBody reads the body before anything is done on its strength: it must be of
// bearable size and said to be JSON, and the operation must take one.
func (a *api) readBody(c *gin.Context) {
	if !noted(c.Request.Context()).route.body {
		if n, _ := io.ReadFull(c.Request.Body, make([]byte, 1)); n > 0 {
			a.refuse(c, access.Fail(access.Malformed, "unexpected_body", "this operation takes no body"))
		}
		return
	}
	text, err := readAll(c)
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
	noted(c.Request.Context()).body = text
	c.Request.Body = &whole{text: text}
}

// readAll reads a body, at once where it says that it is small.
func readAll(c *gin.Context) ([]byte, error) {
	length := c.Request.ContentLength
	if length < 0 || length > smallBody {
		return io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	}
	text := make([]byte, length)
	_, err := io.ReadFull(c.Request.Body, text)
	return text, err
}

// whole is a body that was read already. It reads as empty: strictJSON takes the text.
type whole struct{ text []byte }

func (*whole) Read([]byte) (int, error) { return 0, io.EOF }

func (*whole) Close() error { return nil }

// strictJSON has gin read bodies as RFC 7493 has JSON exchanged, and no field pass for
// absent because it is misspelt: one value in UTF-8, each field once, under a name the
// contract knows and in its very letters.
type strictJSON struct{ ginjson.Core }

// readStrictly has gin do so.
var readStrictly = sync.OnceFunc(func() {
	ginjson.API = strictJSON{ginjson.API}
	binding.Validator = nil // no type of the contract has anything for it to do
})

// NewDecoder implements ginjson.Core.
func (s strictJSON) NewDecoder(from io.Reader) ginjson.Decoder {
	if body, ok := from.(*whole); ok {
		return body
	}
	return s.Core.NewDecoder(from)
}

// Decode implements ginjson.Decoder.
func (w *whole) Decode(into any) error { return decode(w.text, into) }

// UseNumber implements ginjson.Decoder: nothing asks for it.
func (*whole) UseNumber() {}

// DisallowUnknownFields implements ginjson.Decoder: they always are.
func (*whole) DisallowUnknownFields() {}

// decode reads JSON strictly. Errors: io.EOF where there is nothing; Malformed
// (malformed_json, unknown_field, repeated_field).
func decode(text []byte, into any) error {
	if len(text) == 0 {
		return io.EOF
	}
	err := json.Unmarshal(text, into, json.RejectUnknownMembers(true))
	var told *access.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told): // by a type that reads itself
		return told
	case errors.Is(err, json.ErrUnknownName):
		return access.Fail(access.Malformed, "unknown_field", "unknown field %q", access.Clip(fieldOf(err)))
	case errors.Is(err, jsontext.ErrDuplicateName):
		return access.Fail(access.Malformed, "repeated_field", "the field %q stands there twice", access.Clip(fieldOf(err)))
	case !jsontext.Value(text).IsValid():
		return access.Fail(access.Malformed, "malformed_json", "the body is not JSON")
	}
	return unreadable(err)
}

// fieldOf is the name of the field that an error is about.
func fieldOf(err error) string {
	var misplaced *json.SemanticError
	var misspelt *jsontext.SyntacticError
	switch {
	case errors.As(err, &misplaced):
		return misplaced.JSONPointer.LastToken()
	case errors.As(err, &misspelt):
		return misspelt.JSONPointer.LastToken()
	}
	return ""
}

// unreadable says why a body is not what the request takes.
func unreadable(err error) error {
	var told *access.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, io.EOF):
		return access.Fail(access.Malformed, "malformed_json", "this request needs a JSON body")
	}
	return access.Fail(access.Malformed, "malformed_json", "the body is not the JSON this request takes")
}
