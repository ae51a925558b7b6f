package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// statuses turns each kind of error into one HTTP status. This is the only place
// where errors meet HTTP.
var statuses = map[access.Kind]int{
	access.Malformed:       http.StatusBadRequest,
	access.Invalid:         http.StatusUnprocessableEntity,
	access.Unauthenticated: http.StatusUnauthorized,
	access.Forbidden:       http.StatusForbidden,
	access.NotFound:        http.StatusNotFound,
	access.Conflict:        http.StatusConflict,
	access.Gone:            http.StatusGone,
	access.TooMany:         http.StatusTooManyRequests,
	access.Unavailable:     http.StatusServiceUnavailable,
}

// statusClientLeft is what the log and the metrics say of a client that hung up.
const statusClientLeft = 499

// problem is the document for an error. What is not an *access.Error is a fault
// of ours and shows nothing of itself.
func problem(err error) Problem {
	switch {
	case errors.Is(err, context.Canceled):
		return Problem{Type: "urn:gatehouse:problem:client_left", Title: "Client Left", Status: statusClientLeft, Code: "client_left", Detail: "the client did not wait for the answer"}
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, "unavailable", "this took too long, try again")
	}
	var e *access.Error
	if !errors.As(err, &e) {
		return newProblem(http.StatusInternalServerError, "internal", "something went wrong here; the log has it under this request id")
	}
	p := newProblem(statuses[e.Kind], e.Code, e.Detail)
	p.Permission = e.Permission
	return p
}

func newProblem(status int, code, detail string) Problem {
	return Problem{
		Type: "urn:gatehouse:problem:" + code, Title: http.StatusText(status),
		Status: status, Code: code, Detail: detail,
	}
}

// refuse answers with the problem an error amounts to, and ends the request.
func (a *api) refuse(c *gin.Context, err error) {
	if isAuthzen(c) {
		err = plainly(err)
	}
	p := problem(err)
	var e *access.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if p.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn // a fault of what we stand on
		}
		a.Log.Log(c.Request.Context(), level, "request failed", "request_id", requestID(c.Request.Context()), "route", c.FullPath(), "error", err)
	}
	write(c, p)
}

// plainly says what is wrong with a request in the words of AuthZEN, which does
// not tell what makes no sense from what cannot be read.
func plainly(err error) error {
	var e *access.Error
	if !errors.As(err, &e) || e.Kind != access.Invalid {
		return err
	}
	plain := *e
	plain.Kind = access.Malformed
	return &plain
}

func write(c *gin.Context, p Problem) {
	p.RequestID = requestID(c.Request.Context())
	if p.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="gatehouse"`)
	}
	c.Header("Content-Type", "application/problem+json")
	c.Status(p.Status)
	c.Abort()
	_ = json.NewEncoder(c.Writer).Encode(p) // the client may have left
}
