package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// What an error amounts to, for errors.Is.
var (
	// ErrDenied: the check was answered, and the answer is no. Only Require says it.
	ErrDenied = errors.New("denied")

	// ErrUnauthenticated: the server does not accept the client's token, or there is none.
	ErrUnauthenticated = errors.New("unauthenticated")

	// ErrForbidden: the client may not ask this question. Of objects that it may not
	// even know of, the server says that they are not found.
	ErrForbidden = errors.New("forbidden")

	// ErrUnavailable: there was no answer, and later there may be one.
	ErrUnavailable = errors.New("unavailable")
)

// DeniedError says which check was denied. It is ErrDenied.
type DeniedError struct{ Check Check }

func (e *DeniedError) Error() string { return "gatehouse: denied: " + e.Check.String() }

// Is makes it ErrDenied.
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }

// Error is why a question was not answered: the server's problem document
// (RFC 9457), or what kept one from coming.
type Error struct {
	Status     int           // of the HTTP answer; 0 if there was none
	Code       string        // stable; what programs look at
	Detail     string        // a sentence for people
	Permission string        // that the client lacks, if that is the problem
	RequestID  string        // under which the server's log has it
	RetryAfter time.Duration // when to try again; 0 says nothing
	Err        error         // what happened, if there was no problem document
}

// Codes of errors that no server has sent.
const (
	CodeUnreachable = "unreachable" // the server could not be reached, or did not answer in time
	CodeUnreadable  = "unreadable"  // something answered, but not as a Gatehouse does
	CodeNoToken     = "no_token"    // the token source failed
)

func (e *Error) Error() string {
	text := "gatehouse: " + e.Code
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap returns what happened, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.Err }

// Is tells what the error amounts to.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnauthenticated:
		return e.Status == http.StatusUnauthorized || e.Code == CodeNoToken
	case ErrForbidden:
		return e.Status == http.StatusForbidden || e.Status == http.StatusNotFound
	case ErrUnavailable:
		return e.mayPass() && !errors.Is(e.Err, context.Canceled)
	}
	return false
}

// mayPass reports whether the same request may be answered later.
func (e *Error) mayPass() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Code == CodeUnreachable
}

func unreadable(err error) error {
	return &Error{Status: http.StatusOK, Code: CodeUnreadable, Err: err}
}

// problem is a problem document.
type problem struct {
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Permission string `json:"permission"`
	RequestID  string `json:"request_id"`
}

func (p problem) error() *Error {
	return &Error{Status: p.Status, Code: p.Code, Detail: p.Detail, Permission: p.Permission, RequestID: p.RequestID}
}

// refusal reads an answer that is not a success. What stands between may have
// written it, so it need not be a problem document.
func refusal(r *http.Response, body []byte) *Error {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		p = problem{Code: CodeUnreadable, Detail: fmt.Sprintf("the answer is %s, and no problem document", r.Status)}
	}
	p.Status = r.StatusCode
	if p.RequestID == "" {
		p.RequestID = r.Header.Get("X-Request-ID")
	}
	e := p.error()
	e.RetryAfter = retryAfter(r.Header.Get("Retry-After"))
	return e
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
