// Package httpapi is the HTTP façade: it reads requests, lets operations and
// checks answer them, and says what came of it. The contract is openapi.yaml, from
// which the types and the routes are generated.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/checks"
	"github.com/gatehouse/gatehouse/internal/explain"
	"github.com/gatehouse/gatehouse/internal/limits"
	"github.com/gatehouse/gatehouse/internal/notify"
	"github.com/gatehouse/gatehouse/internal/operations"
	"github.com/gatehouse/gatehouse/internal/uses"
)

// Authenticator turns a bearer token into the login it stands for.
// Errors: Unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (access.Login, error)
}

// Dependencies are what the façade stands on.
type Dependencies struct {
	Operations    *operations.Operations
	Checks        *checks.Checks
	Explainer     *explain.Explainer
	People        access.People
	Replays       access.Replays
	Logins        Authenticator
	Uses          *uses.Uses        // of applications' keys
	Vocabulary    access.Vocabulary // what can be asked about
	Mails         access.Mails
	Announcements *notify.Announcer
	PublicURL     *url.URL               // where applications reach us
	Metrics       []prometheus.Collector // of the other parts
	Limits        Limits
	Log           *slog.Logger
	Traces        trace.TracerProvider // nil: requests are not traced
	// Ready reports what is not ready to serve, by part; nil errors are well.
	Ready func(context.Context) map[string]error
	// Cache says in a word what becomes of answers: the server is ready without.
	Cache func(context.Context) string
}

type api struct {
	Dependencies
	seats    seats
	gates    gates
	measured *metrics
}

var _ StrictServerInterface = (*api)(nil)

// New makes the handler of everything served over HTTP. It fails if an operation
// of the contract names no permission its caller needs.
func New(d Dependencies) (http.Handler, error) {
	contract, err := readContract(Spec)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	readStrictly()

	entries := gates{questions: limits.NewGate(d.Limits.MaxQuestions), work: limits.NewGate(d.Limits.MaxWork)}
	a := &api{d, newSeats(), entries, newMetrics(entries, d.Metrics...)}
	for path, r := range contract {
		if method, path, _ := strings.Cut(path, " "); r.quick {
			r.answered = a.measured.answered(method, path, http.StatusOK)
		}
	}
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.UseRawPath = true // an id may hold a slash, as %2F
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	engine.NoRoute(func(c *gin.Context) { a.refuse(c, noRoute()) })
	engine.NoMethod(func(c *gin.Context) {
		write(c, newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this path does not take this method"))
	})

	engine.Use(a.identify, contract.find)
	if d.Traces != nil {
		engine.Use(nameSpan)
	}
	engine.Use(a.record, a.recoverPanics, headers)
	engine.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	engine.GET("/readyz", a.readyz)
	engine.GET("/metrics", a.measured.serve)
	a.mountPages(engine)

	v1 := engine.Group("", a.admit, a.authenticate, a.checkReason, a.readBody, a.only, a.repeat)
	RegisterHandlersWithOptions(v1, NewStrictHandlerWithOptions(a, []StrictMiddlewareFunc{a.permit}, StrictGinServerOptions{
		RequestErrorHandlerFunc:  func(c *gin.Context, err error) { a.refuse(c, unreadable(err)) },
		HandlerErrorFunc:         a.refuse,
		ResponseErrorHandlerFunc: a.refuse,
	}), GinServerOptions{
		ErrorHandler: func(c *gin.Context, _ error, _ int) {
			a.refuse(c, access.Fail(access.Malformed, "malformed_parameter", "a parameter of this request cannot be read"))
		},
	})
	if d.Traces != nil {
		return traced(engine, d.Traces), nil
	}
	return engine, nil
}

// permit lets a request through to its handler if the caller has what the
// contract says it needs.
func (a *api) permit(next StrictHandlerFunc, _ string) StrictHandlerFunc {
	return func(c *gin.Context, request any) (any, error) {
		if err := noted(c.Request.Context()).route.need(a, c, request); err != nil {
			return nil, err
		}
		a.use(c.Request.Context())
		return next(c, request)
	}
}

func noRoute() error {
	return access.Fail(access.NotFound, "not_found", "there is nothing at this path")
}

func (a *api) readyz(c *gin.Context) {
	status, parts := http.StatusOK, gin.H{}
	for part, err := range a.Ready(c.Request.Context()) {
		parts[part] = "ok"
		if err != nil {
			status, parts[part] = http.StatusServiceUnavailable, "unavailable"
			a.Log.WarnContext(c.Request.Context(), "not ready", "part", part, "error", err)
		}
	}
	parts["cache"] = a.Dependencies.Cache(c.Request.Context())
	c.JSON(status, gin.H{"parts": parts})
}
