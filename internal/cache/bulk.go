package cache

import (
	"context"

	"github.com/gatehouse/gatehouse/internal/access"
)

// CheckBulk answers checks in their order: it reads what is kept in one step, and
// has the rest evaluated in one.
func (c *Cache) CheckBulk(ctx context.Context, qs []access.Check) []access.Answer {
	answers := make([]access.Answer, len(qs))
	keys := make([]Key, 0, len(qs))
	at := make([]int, 0, len(qs)) // where the answers go
	var rest []open
	for i, q := range qs {
		if !cacheable(q) {
			c.metrics.bypassed("question")
			rest = append(rest, open{at: i})
			continue
		}
		keys, at = append(keys, keyOf(q)), append(at, i)
	}
	views, err := c.store.Read(ctx, keys)
	now := c.now()
	for n, i := range at {
		if err != nil {
			c.metrics.bypassed("store")
			rest = append(rest, open{at: i})
			continue
		}
		d, held := hit(views[n], now)
		if held {
			c.metrics.hit()
			c.sample(qs[i], keys[n], views[n])
			answers[i].Decision = d
			continue
		}
		c.metrics.missed(c.why(views[n]))
		rest = append(rest, open{at: i, key: &keys[n], view: c.begin(ctx, keys[n], views[n])})
	}
	if err != nil {
		if err := c.enter(ctx); err != nil {
			for _, i := range at {
				answers[i].Err = err
			}
			return answers
		}
		defer c.leave()
	}
	c.evaluateAll(ctx, qs, rest, answers)
	return answers
}

// open is a question of a bulk check that nothing answers yet.
type open struct {
	at   int
	key  *Key // nil: the answer is not to be kept
	view View
}

func (c *Cache) evaluateAll(ctx context.Context, qs []access.Check, rest []open, answers []access.Answer) {
	if len(rest) == 0 {
		return
	}
	asked := make([]access.Check, len(rest))
	for n, o := range rest {
		asked[n] = qs[o.at]
	}
	done := c.metrics.evaluating(c.now)
	evaluated := c.evaluator.CheckBulk(ctx, asked)
	done()
	for n, o := range rest {
		answers[o.at] = evaluated[n]
		if o.key != nil && o.view.clean() && evaluated[n].Err == nil {
			c.keep(ctx, *o.key, o.view.nonces(), evaluated[n].Decision)
		}
	}
}
