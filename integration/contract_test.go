package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contract is openapi.yaml, against which every exchange is held.
type contract struct{ *openapi3.T }

var theContract = sync.OnceValue(func() contract {
	document, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "internal", "httpapi", "openapi.yaml"))
	if err == nil {
		err = document.Validate(context.Background())
	}
	if err != nil {
		panic(fmt.Errorf("openapi.yaml: %w", err))
	}
	return contract{document}
})

// find returns the operation that a request is for, with the parameters of its
// path, or nil. Of two paths the more literal wins.
func (c contract) find(request *http.Request) (*routers.Route, map[string]string) {
	var found *routers.Route
	var parameters map[string]string
	for template, item := range c.Paths.Map() {
		operation := item.GetOperation(request.Method)
		here, matches := match(template, request.URL.EscapedPath())
		if matches && operation != nil && (found == nil || len(here) < len(parameters)) {
			found = &routers.Route{Spec: c.T, Path: template, PathItem: item, Method: request.Method, Operation: operation}
			parameters = here
		}
	}
	return found, parameters
}

func match(template, path string) (map[string]string, bool) {
	names, values := strings.Split(template, "/"), strings.Split(path, "/")
	if len(names) != len(values) {
		return nil, false
	}
	parameters := map[string]string{}
	for i, name := range names {
		value, err := url.PathUnescape(values[i])
		if inner, ok := strings.CutPrefix(name, "{"); ok && err == nil && value != "" {
			parameters[strings.TrimSuffix(inner, "}")] = value
		} else if name != values[i] {
			return nil, false
		}
	}
	return parameters, true
}

// refused remembers which refusals were held against the contract. One of each
// kind is enough: they differ in words alone.
var refused sync.Map

// check finds fault with an exchange that the contract does not provide for: an
// answer of another shape, a refusal that is no proper problem document, or the
// acceptance of a request that should have been refused.
func (c contract) check(request *http.Request, sent []byte, a answer) error {
	kept := "no-store"
	if a.status == http.StatusOK && request.URL.Path == "/.well-known/authzen-configuration" {
		kept = "max-age=300" // nobody's secret, and asked for again and again
	}
	route, parameters := c.find(request)
	if err := checkGuards(a.header, kept, route != nil && isQuestion(route.Operation)); err != nil {
		return err
	}
	if a.status >= http.StatusBadRequest {
		// A repeated answer names the request it was first given to.
		if err := checkProblem(a, request.Header.Get("Idempotency-Key") != ""); err != nil {
			return err
		}
	}
	if route == nil {
		if a.status < http.StatusBadRequest {
			return fmt.Errorf("the contract knows no such request, yet it was answered with %d: %s", a.status, a.body)
		}
		return nil
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request.Clone(request.Context()), PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	input.Request.Body = io.NopCloser(bytes.NewReader(sent))
	if a.status >= http.StatusBadRequest {
		if _, seen := refused.LoadOrStore([2]any{route.Operation.OperationID, a.status}, true); seen {
			return nil
		}
	} else {
		if err := openapi3filter.ValidateRequest(request.Context(), input); err != nil {
			return fmt.Errorf("answered with %d what the contract forbids: %w", a.status, err)
		}
	}
	return openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
	})
}

// isQuestion reports whether an operation is one that programs ask and no browser shows.
func isQuestion(o *openapi3.Operation) bool {
	permission, _ := o.Extensions["x-permission"].(string)
	return strings.HasPrefix(permission, "may ask") && o.OperationID != "explain"
}

// checkGuards finds fault with an answer that caches may keep otherwise than so or, unless it
// is to a question, another page may frame, or that passes on where it came from.
func checkGuards(h http.Header, kept string, question bool) error {
	wanted := map[string]string{"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
	if !question {
		wanted["Referrer-Policy"], wanted["X-Frame-Options"] = "no-referrer", "DENY"
	}
	for name, want := range wanted {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if !question && !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		return fmt.Errorf("Content-Security-Policy is %q", h.Get("Content-Security-Policy"))
	}
	return nil
}

// problem is an RFC 9457 document.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Permission string `json:"permission"`
	RequestID  string `json:"request_id"`
}

// drivers are the words in which what is behind the server would speak.
var drivers = regexp.MustCompile(`(?i)rpc error|\bgrpc\b|sqlite|\bsql\b|goroutine|\.go:|<nil>`)

func checkProblem(a answer, repeated bool) error {
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		return fmt.Errorf("%d is no problem document: %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	switch {
	case p.Status != a.status, p.Type != "urn:gatehouse:problem:"+p.Code, p.Code == "", p.Title == "", p.Detail == "":
		return fmt.Errorf("%d is an improper problem document: %s", a.status, a.body)
	case p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") && !repeated:
		return fmt.Errorf("request_id is not that of the answer, %q: %s", a.header.Get("X-Request-Id"), a.body)
	case drivers.Match(bytes.ReplaceAll(a.body, []byte(p.RequestID), nil)): // an id may spell anything
		return fmt.Errorf("shows what is behind the server: %s", a.body)
	}
	return nil
}
