package httpapi

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/oklog/ulid/v2"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/secret"
)

// requestIDHeader is X-Request-ID as Go spells it, which spares it the trouble.
const requestIDHeader = "X-Request-Id"

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._\-]{1,128}$`)

// identify gives each request an id, the caller's own if it is a plain one. To
// AuthZEN it is any text, which comes back as it was.
func (a *api) identify(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if id == "" || !requestIDPattern.MatchString(id) && !isAuthzen(c) {
		id = newRequestID()
	}
	n := &notes{seat: nobodys, requestID: id, address: a.Limits.Proxies.client(c.Request)}
	c.Header(requestIDHeader, id)
	begin(c, n)
	defer n.end()
	c.Next()
}

// newRequestID is a ULID, which nobody need find hard to guess.
func newRequestID() string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Now()) // fails in the year 10889
	binary.BigEndian.PutUint16(id[6:], uint16(rand.Uint32()))
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	return id.String()
}

// guard is a header by which an answer is kept from going where it should not.
type guard struct {
	name   string
	values []string
}

var (
	// guards keep answers out of caches, and from being taken for what they are not.
	guards = []guard{{"Cache-Control", []string{"no-store"}}, {"X-Content-Type-Options", []string{"nosniff"}}}
	// pageGuards keep what a browser may show out of other sites' pages, too.
	pageGuards = append([]guard{
		{"Referrer-Policy", []string{"no-referrer"}},
		{"X-Frame-Options", []string{"DENY"}},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
	}, guards...)
)

// headers guard answers. Those to questions no browser shows, and each header costs them
// a hundredth of their time.
func headers(c *gin.Context) {
	needed := pageGuards
	if r := noted(c.Request.Context()).route; r != nil && r.quick {
		needed = guards
	}
	h := c.Writer.Header()
	for _, g := range needed {
		h[g.name] = g.values
	}
}

// record logs and measures each request. It names the route, never the path or
// the query: those hold ids and tokens. A method that nobody knows may be one, too.
func (a *api) record(c *gin.Context) {
	c.Next()
	ctx, status := c.Request.Context(), c.Writer.Status()
	n := noted(ctx)
	took := time.Since(n.began)
	if r := n.route; r != nil && r.answered != nil && status == http.StatusOK {
		r.answered.Observe(took.Seconds())
	} else {
		a.measured.observe(c.Request.Method, routeOf(c), status, took)
	}
	if a.Log.Enabled(ctx, slog.LevelDebug) {
		a.Log.DebugContext(ctx, "request", "request_id", n.requestID, "method", known(c.Request.Method), "route", routeOf(c), "status", status, "took", took)
	}
}

// routeOf is the template of the path, or none.
func routeOf(c *gin.Context) string { return cmp.Or(c.FullPath(), "none") }

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

// authenticate finds out who is calling, unless anybody may. Whoever signs in for
// the first time has a profile from then on.
func (a *api) authenticate(c *gin.Context) {
	n := noted(c.Request.Context())
	switch {
	case n.route.open:
		return
	case n.route.asks:
		a.sit(c, bearer(c))
	default:
		a.signIn(c, bearer(c))
	}
	if c.IsAborted() {
		return
	}
	if err := a.mayGoOn(c.Request.Context()); err != nil {
		a.refuse(c, err)
		return
	}
	if n.app.is() {
		a.letOn(c)
	}
}

// bearer is the token that comes with a request; empty without one.
func bearer(c *gin.Context) string {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (a *api) signIn(c *gin.Context, token string) {
	if token == "" {
		a.refuse(c, access.Fail(access.Unauthenticated, "unauthenticated", "send an access token as Authorization: Bearer"))
		return
	}
	ctx, n := c.Request.Context(), noted(c.Request.Context())
	n.seat = new(seat)
	err := a.verify(ctx, token, func() (err error) {
		if secret.Is(secret.Application, token) {
			if n.app.app, n.app.key, err = a.Operations.Presented(ctx, token); err == nil {
				err = a.live(ctx)
			}
			return err
		}
		n.login, err = a.Logins.Authenticate(ctx, token)
		return err
	})
	if err == nil && !n.app.is() {
		n.person, err = a.Operations.SignIn(ctx, n.login)
	}
	if err != nil {
		a.refuse(c, err)
	}
}

// sit signs in, unless the same token did a moment ago.
func (a *api) sit(c *gin.Context, token string) {
	n := noted(c.Request.Context())
	if s, ok := a.seats.find(token, n.began); ok {
		n.seat = s
		return
	}
	if a.signIn(c, token); !c.IsAborted() {
		a.seats.take(token, n.seat)
	}
}

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
