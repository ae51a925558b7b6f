package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/oklog/ulid/v2"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// key names what middleware leaves for handlers in the request's context. It is
// never left in gin's: gin gives that to another request as soon as this one is
// answered, while goroutines started for it may still be looking.
type key string

const (
	keyRequestID key = "request_id"
	keyPerson    key = "person"
	keyLogin     key = "login"
	keyBody      key = "body"
	keyQuestion  key = "question"
	keySearch    key = "search"
	keyAddress   key = "address"
	keyOperator  key = "operator"
)

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._\-]{1,128}$`)

func remember(c *gin.Context, k key, value any) {
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), k, value))
}

// identify gives each request an id, the caller's own if it is a plain one. To
// AuthZEN it is any text, which comes back as it was.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !requestIDPattern.MatchString(id) && (id == "" || !isAuthzen(c)) {
		id = ulid.Make().String()
	}
	remember(c, keyRequestID, id)
	c.Header("X-Request-ID", id)
	// What a header says of where a request comes from, anybody can write.
	if host, _, err := net.SplitHostPort(c.Request.RemoteAddr); err == nil {
		remember(c, keyAddress, host)
	}
}

func address(ctx context.Context) string {
	host, _ := ctx.Value(keyAddress).(string)
	return host
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// headers keep answers out of caches and out of other sites' pages.
func headers(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("X-Frame-Options", "DENY")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// record logs and measures each request. It names the route, never the path or
// the query: those hold ids and tokens.
func (a *api) record(m *metrics) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		route := c.FullPath()
		if route == "" {
			route = "none"
		}
		took := time.Since(start)
		m.observe(c.Request.Method, route, c.Writer.Status(), took)
		a.Log.DebugContext(c.Request.Context(), "request", "request_id", requestID(c.Request.Context()), "method", c.Request.Method, "route", route,
			"status", c.Writer.Status(), "took", took)
	}
}

var errPanic = errors.New("panic")

func (a *api) recoverPanics(c *gin.Context) {
	defer func() {
		if fault := recover(); fault != nil {
			a.Log.ErrorContext(c.Request.Context(), "panic", "request_id", requestID(c.Request.Context()), "route", c.FullPath(), "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			write(c, problem(errPanic))
		}
	}()
	c.Next()
}

// maxTime bounds how long a request may take. It is shorter than the minute after
// which an Idempotency-Key in use counts as lost.
const maxTime = 30 * time.Second

func deadline(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), maxTime)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// authenticate finds out who is calling, unless anybody may. Whoever signs in for
// the first time has a profile from then on.
func (a *api) authenticate(contract routes) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !contract.of(c).open {
			a.signIn(c)
		}
	}
}

func (a *api) signIn(c *gin.Context) {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		a.refuse(c, access.Fail(access.Unauthenticated, "unauthenticated", "send an access token as Authorization: Bearer"))
		return
	}
	login, err := a.Logins.Authenticate(c.Request.Context(), strings.TrimSpace(token))
	if err != nil {
		a.refuse(c, err)
		return
	}
	person, err := a.Operations.SignIn(c.Request.Context(), login)
	if err != nil {
		a.refuse(c, err)
		return
	}
	remember(c, keyLogin, login)
	remember(c, keyPerson, person)
}

func person(ctx context.Context) access.Person {
	return ctx.Value(keyPerson).(access.Person) // authenticate set it
}

func caller(ctx context.Context) access.Object { return access.User(person(ctx).ID) }

// maxReason bounds, in bytes, why a caller says they change something.
const maxReason = 500

// checkReason refuses a reason that could not be kept as it stands.
func (a *api) checkReason(c *gin.Context) {
	if reason := c.GetHeader("Gatehouse-Reason"); len(reason) > maxReason || !utf8.ValidString(reason) {
		a.refuse(c, access.Fail(access.Malformed, "malformed_parameter", "Gatehouse-Reason must be UTF-8 and at most %d bytes", maxReason))
	}
}

// by says on whose behalf the request changes things.
func by(ctx context.Context, reason string) operations.By {
	return operations.By{Actor: caller(ctx), Reason: reason, RequestID: requestID(ctx), From: address(ctx)}
}
