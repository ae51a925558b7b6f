package httpapi

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
)

// notes are what is found out about a request on its way to its handler. They are
// never left in gin's context: gin gives that to another request as soon as this one
// is answered, while goroutines started for it may still be looking.
type notes struct {
	deadline  // of the request
	*seat     // of the caller; nobody's until they have signed in
	began     time.Time
	requestID string
	route     *route // nil outside the contract
	address   string // of the client
	body      []byte
	question  question
	search    *search
	answer    *access.Answer // to the question, if it was asked already
	operates  *access.Answer // whether the caller may ask about anybody, once asked
	auditAll  bool           // the caller may read all of the audit
}

type notesKey struct{}

// begin makes the notes of a request its context, which ends with it.
func begin(c *gin.Context, n *notes) {
	n.Context, n.began = c.Request.Context(), time.Now()
	n.at = n.began.Add(maxTime)
	c.Request = c.Request.WithContext(n)
}

// Value implements context.Context: the notes find themselves, and package context
// the timer.
func (n *notes) Value(key any) any {
	if key == (notesKey{}) {
		return n
	}
	if timer := n.timed.Load(); timer != nil {
		return timer.Value(key)
	}
	return n.Context.Value(key)
}

// noted are the notes on a request, to be read and written by whoever handles it.
func noted(ctx context.Context) *notes {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		return n
	}
	return &notes{seat: nobodys, began: time.Now()} // of a request that nobody has begun
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
