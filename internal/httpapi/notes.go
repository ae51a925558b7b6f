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
	context.Context // of the request, as it was before
	requestID       string
	route           *route // nil outside the contract
	address         string // of the client
	login           access.Login
	person          access.Person
	app             presented // of an application, which is no person
	body            []byte
	question        question
	search          search
	answer          *access.Answer // to the question, if it was asked already
	operates        *access.Answer // whether the caller may ask about anybody, once asked
	auditAll        bool           // the caller may read all of the audit
}

type notesKey struct{}

// Value implements context.Context: the notes find themselves.
func (n *notes) Value(key any) any {
	if key == (notesKey{}) {
		return n
	}
	return n.Context.Value(key)
}

// begin gives a request its notes, and bounds its time until end is called.
func begin(c *gin.Context, n *notes) (end func()) {
	n.Context = c.Request.Context()
	ctx, end := context.WithTimeout(n, maxTime)
	c.Request = c.Request.WithContext(ctx)
	return end
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

// caller is who asks: a person, or a key of an application.
func caller(ctx context.Context) access.Object {
	if n := noted(ctx); n.app.is() {
		return n.app.key
	}
	return access.User(person(ctx).ID)
}

func body(c *gin.Context) []byte { return noted(c.Request.Context()).body }
