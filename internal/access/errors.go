package access

import (
	"errors"
	"fmt"
	"time"
)

// Kind groups errors by what a caller can do about them. The HTTP façade turns
// each into one status.
type Kind string

// The kinds of error, in the words of the API.
const (
	Malformed       Kind = "malformed" // cannot be read
	Invalid         Kind = "invalid"   // can be read, makes no sense
	Unauthenticated Kind = "unauthenticated"
	Forbidden       Kind = "forbidden"
	NotFound        Kind = "not_found"
	Conflict        Kind = "conflict"
	Gone            Kind = "gone"
	TooMany         Kind = "too_many"
	Unavailable     Kind = "unavailable"
)

// Error is an error whose kind, code and detail may be shown to a caller.
// Cause is for the log only.
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Permission string        // Forbidden: the permission that was lacking
	RetryAfter time.Duration // TooMany, Unavailable: when to try again; zero says nothing
	Cause      error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Detail + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// Fail makes an error of a kind with a stable code and a sentence for people.
func Fail(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Down wraps the failure of a dependency. The caller learns which one is down,
// never what its driver said.
func Down(dependency string, cause error) *Error {
	return &Error{
		Kind: Unavailable, Code: "unavailable", Detail: dependency + " cannot be reached, try again",
		RetryAfter: time.Second, Cause: cause,
	}
}

// IsKind reports whether err is an *Error of that kind.
func IsKind(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// HasCode reports whether err is an *Error with that code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// ErrPreconditionFailed is returned by a write of which nothing was done because
// a precondition did not hold: the state moved on since it was read.
var ErrPreconditionFailed = errors.New("precondition failed")
