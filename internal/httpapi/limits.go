package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/email"
	"github.com/gatehouse/gatehouse/internal/limits"
)

// Limits bound what is asked of the server. Those that are zero bound nothing.
type Limits struct {
	Questions    limits.Rate     // of one credential, in this process: a store would take longer than the answer
	Requests     *limits.Limiter // of one person, beside questions
	Failures     *limits.Limiter // credentials that are refused to one address, in this process
	Invitations  *limits.Limiter // by one person
	Mailbox      *limits.Limiter // invitations to one mailbox
	MaxQuestions int             // at a time
	MaxWork      int             // other requests, at a time
	Proxies      Proxies
}

// gates keep questions, which take no time from the cache, apart from work, which may
// take long: whoever fills one leaves the other open.
type gates struct{ questions, work *limits.Gate }

// admit turns requests away, at once, of which there are too many at a time. It comes
// before anything that costs more than that.
func (a *api) admit(c *gin.Context) {
	r, gate := noted(c.Request.Context()).route, a.gates.work
	switch {
	case r.open:
		return
	case r.quick:
		gate = a.gates.questions
	}
	if !gate.Enter(c.Request.Context()) {
		a.measured.refused.WithLabelValues(busy(r)).Inc()
		c.Header("Retry-After", "1")
		write(c, newProblem(http.StatusServiceUnavailable, "overloaded", "the server has too much to do, try again"))
		return
	}
	defer gate.Leave()
	c.Next()
}

func busy(r *route) string {
	if r.quick {
		return "max_questions"
	}
	return "max_work"
}

// tooMany says that somebody has come too often, and when to come again.
func (a *api) tooMany(limit, code string, wait time.Duration) error {
	a.measured.refused.WithLabelValues(limit).Inc()
	return &access.Error{
		Kind: access.TooMany, Code: code, RetryAfter: wait,
		Detail: "there are too many of " + counted[limit] + ", try again later",
	}
}

// counted is what each limit counts, as they are told to the caller.
var counted = map[string]string{
	"questions":   "these questions",
	"requests":    "your requests",
	"failures":    "the access tokens from your address that were refused",
	"invitations": "your invitations",
	"mailbox":     "the invitations to this address",
}

// spend counts the questions of a bulk beyond the first against whoever asks them.
func (a *api) spend(ctx context.Context, n int) {
	if bucket := noted(ctx).questions; bucket != nil {
		bucket.Spend(a.Limits.Questions, n-1, time.Now())
	}
}

// verify has a token looked at. Refusals are counted by address,
// and once there are too many only tokens are looked at that were good before: who
// forges tokens leaves those in peace who come from the same address.
func (a *api) verify(ctx context.Context, token string, look func() error) error {
	from := network(address(ctx))
	wait := a.Limits.Failures.Take(ctx, from)
	if wait > 0 && !a.seats.knows(token) {
		return a.tooMany("failures", "too_many_failures", wait)
	}
	err := look()
	switch {
	case access.IsKind(err, access.Unauthenticated):
		a.seats.distrust(token)
	case wait == 0:
		a.Limits.Failures.GiveBack(from)
	}
	if err == nil {
		a.seats.trust(token)
	}
	return err
}

// mayGoOn counts questions by the credential they are asked with, and whatever else is
// requested by person or application.
func (a *api) mayGoOn(ctx context.Context) error {
	n := noted(ctx)
	if n.route.quick {
		if wait := n.questions.Take(a.Limits.Questions, n.began); wait > 0 {
			return a.tooMany("questions", "too_many_questions", wait)
		}
		return nil
	}
	if wait := a.Limits.Requests.Take(ctx, asker(ctx)); wait > 0 {
		return a.tooMany("requests", "too_many_requests", wait)
	}
	return nil
}

// mayInvite counts invitations by who sends them and by whose mailbox they fill.
func (a *api) mayInvite(ctx context.Context, invited email.Address) error {
	if invited == "" {
		return nil // of whoever has deleted their profile
	}
	// Whoever may invite nobody does not use up what others may send to a mailbox.
	if wait := a.Limits.Invitations.Take(ctx, person(ctx).ID); wait > 0 {
		return a.tooMany("invitations", "too_many_invitations", wait)
	}
	if wait := a.Limits.Mailbox.Take(ctx, mailbox(invited)); wait > 0 {
		return a.tooMany("mailbox", "too_many_invitations", wait)
	}
	return nil
}

// mailbox is where mails to an address arrive: mostly, ann+1 and ann+2 are both ann.
func mailbox(a email.Address) string {
	local, domain, _ := strings.Cut(string(a), "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}
