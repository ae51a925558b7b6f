package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
)

// Guard lets a request reach a handler only if its subject has a permission.
// Whatever goes wrong on the way to that answer, the request is refused.
type Guard struct {
	Client *Client

	// Subject finds out on whose behalf a request is made: from a session, a verified
	// token, a client certificate. Never from what a caller merely says.
	Subject func(*http.Request) (Subject, error)

	// Refuse answers a request that is refused, if a plain problem document does not
	// do. It is told why; StatusFor proposes a status.
	Refuse func(w http.ResponseWriter, r *http.Request, why error)
}

// Require puts the guard in front of a handler. The resource is found from the
// request, as by FromPath. It panics if a part of it is missing: a route that
// nothing guards must not come to be by oversight.
func (g Guard) Require(permission string, resource func(*http.Request) (Object, error), next http.Handler) http.Handler {
	if g.Client == nil || g.Subject == nil || permission == "" || resource == nil || next == nil {
		panic("gatehouse: a guard needs a client, a subject, a permission, a resource and a handler")
	}
	refuse := g.Refuse
	if refuse == nil {
		refuse = writeProblem
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.admit(r, permission, resource); err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g Guard) admit(r *http.Request, permission string, resource func(*http.Request) (Object, error)) error {
	subject, err := g.Subject(r)
	if err != nil {
		return &unknownError{"subject", err}
	}
	object, err := resource(r)
	if err != nil {
		return &unknownError{"resource", err}
	}
	ctx := r.Context()
	if id := r.Header.Get("X-Request-ID"); id != "" && ctx.Value(requestIDKey{}) == nil {
		ctx = WithRequestID(ctx, id)
	}
	return g.Client.Require(ctx, Check{Resource: object, Permission: permission, Subject: subject})
}

// FromPath finds a resource by a wildcard of the pattern that http.ServeMux
// matched: {id} of /projects/{id}.
func FromPath(objectType, wildcard string) func(*http.Request) (Object, error) {
	return func(r *http.Request) (Object, error) {
		id := r.PathValue(wildcard)
		if id == "" {
			return Object{}, fmt.Errorf("the path of the request has no {%s}", wildcard)
		}
		return Object{Type: objectType, ID: id}, nil
	}
}

// unknownError is why there is nothing to ask about. It is ErrDenied.
type unknownError struct {
	what string
	err  error
}

func (e *unknownError) Error() string        { return "gatehouse: no " + e.what + ": " + e.err.Error() }
func (e *unknownError) Unwrap() error        { return e.err }
func (e *unknownError) Is(target error) bool { return target == ErrDenied }

// StatusFor is the status by which a Guard refuses a request: 403 if the answer is
// no or there is nobody, or nothing, to ask about, and 503 if there was no answer.
// That a client may not ask is no fault of who sent the request.
func StatusFor(why error) int {
	var e *Error
	if errors.Is(why, ErrDenied) || errors.As(why, &e) && e.Code == codeMalformedReference {
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

// codeMalformedReference is said of ids that no object can have, which anybody can
// write into a path.
const codeMalformedReference = "malformed_reference"

func writeProblem(w http.ResponseWriter, _ *http.Request, why error) {
	status := StatusFor(why)
	code, detail := "forbidden", "you may not do this"
	if status == http.StatusServiceUnavailable {
		code, detail = "unavailable", "whether you may do this cannot be found out now"
		if e := (*Error)(nil); errors.As(why, &e) && e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // who asked may have left
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
