package cache

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/gatehouse/gatehouse/internal/access"
)

// sampled is one in how many hits is evaluated all the same, to see whether the
// cache was right. That is for operators to know: it guards nothing.
const sampled = 1000

func (c *Cache) sample(q access.Check, key Key, v View) {
	if rand.N(sampled) > 0 || !c.metrics.beginSample() {
		return
	}
	go func() {
		defer c.metrics.endSample()
		ctx, cancel := context.WithTimeout(c.open, flightTime)
		defer cancel()
		c.compare(ctx, q, key, v)
	}()
}

// compare counts a disagreement if the answer that was given holds by the rules
// before and after another was computed: so the two were of one moment.
func (c *Cache) compare(ctx context.Context, q access.Check, key Key, v View) {
	d, err := c.evaluator.Check(ctx, q)
	if err != nil || d.Allowed == v.Entry.Allowed {
		return
	}
	// What other tools changed may go unseen until W is over.
	select {
	case <-ctx.Done():
		return
	case <-time.After(W):
	}
	after, err := c.store.Read(ctx, []Key{key})
	if err != nil || after[0].nonces() != v.nonces() {
		return
	}
	if _, held := hit(after[0], c.now()); held {
		c.metrics.disagreed()
	}
}
