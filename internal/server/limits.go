package server

import (
	"time"

	"github.com/gatehouse/gatehouse/internal/config"
	"github.com/gatehouse/gatehouse/internal/httpapi"
	"github.com/gatehouse/gatehouse/internal/limits"
)

// limitsOf are those of the settings, counted in the store that servers share, if they
// do, where it matters that they count together.
func limitsOf(c config.Limits, shared limits.Store) httpapi.Limits {
	per := func(count int, period time.Duration) limits.Rate { return limits.Rate{Count: count, Per: period} }
	return httpapi.Limits{
		Questions:    per(c.Questions, time.Second),
		Requests:     limits.NewShared("requests", per(c.Requests, time.Minute), shared, time.Now),
		Failures:     limits.New("failures", per(c.Failures, time.Minute), time.Now),
		Invitations:  limits.NewShared("invitations", per(c.Invitations, time.Hour), shared, time.Now),
		Mailbox:      limits.NewShared("mailbox", per(c.Mailbox, 24*time.Hour), shared, time.Now),
		MaxQuestions: c.MaxQuestions,
		MaxWork:      c.MaxWork,
		Proxies:      c.Proxies(),
	}
}
