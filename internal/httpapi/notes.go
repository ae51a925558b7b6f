package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// notes are what is found out about a request on its way to its handler. They are
// never left in gin's context: gin gives that to another request as soon as this one
// is answered, while goroutines started for it may still be looking.
type notes struct {
	requestID string
	address   string // of the client
	login     access.Login
	person    access.Person
	body      []byte
	question  question
	search    search
	answer    *access.Answer // to the question, if it was asked already
	operates  *access.Answer // whether the caller operates the platform, once asked
	auditAll  bool           // the caller may read all of the audit
}

type notesKey struct{}

// begin gives a request its notes.
func begin(c *gin.Context, n *notes) {
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), notesKey{}, n))
}

// noted are the notes on a request, to be read and written by whoever handles it.
func noted(ctx context.Context) *notes {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		return n
	}
	return &notes{} // of a request that nobody has begun
}

func address(ctx context.Context) string { return noted(ctx).address }

func requestID(ctx context.Context) string { return noted(ctx).requestID }

func person(ctx context.Context) access.Person { return noted(ctx).person }

func caller(ctx context.Context) access.Object { return access.User(person(ctx).ID) }

func body(c *gin.Context) []byte { return noted(c.Request.Context()).body }
