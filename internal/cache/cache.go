// Package cache answers checks from memory that replicas share, and never with a
// stale yes: a check that begins after a write was acknowledged by any replica sees
// it, and no answer outlives the end of a role. docs/cache.md says why that holds;
// the rules named here are those of that page.
package cache

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatehouse/gatehouse/internal/access"
)

// Evaluator computes answers on relationships no older than any write
// acknowledged before the call.
type Evaluator interface {
	Check(ctx context.Context, c access.Check) (access.Decision, error)
	CheckBulk(ctx context.Context, cs []access.Check) []access.Answer
}

const (
	// margin is how far our clock may be behind SpiceDB's when a role ends.
	margin = time.Second
	// maxAge bounds how long an answer is kept.
	maxAge = 10 * time.Minute
	// flightTime bounds an evaluation that several wait for.
	flightTime = 10 * time.Second
)

// Cache answers checks.
type Cache struct {
	evaluator Evaluator
	store     Store
	ends      access.Ends
	now       access.Clock
	metrics   *Metrics
	flights   singleflight.Group
	slots     chan struct{} // of evaluations while the store is down
	open      context.Context
	close     context.CancelFunc
}

// unguarded is how many checks are evaluated at a time while the store is down: what
// it used to answer must not bring SpiceDB down too.
const unguarded = 64

// New makes a cache over a store, to be closed.
func New(e Evaluator, s Store, ends access.Ends, now access.Clock, m *Metrics) *Cache {
	open, end := context.WithCancel(context.Background())
	return &Cache{
		evaluator: e, store: s, ends: ends, now: now, metrics: m, slots: make(chan struct{}, unguarded), open: open, close: end,
	}
}

// Close ends what goes on in the background.
func (c *Cache) Close() error {
	c.close()
	c.metrics.samples.Wait()
	return nil
}

// Check answers one check. Errors: those of the evaluator.
func (c *Cache) Check(ctx context.Context, q access.Check) (access.Decision, error) {
	if !cacheable(q) {
		c.metrics.bypassed("question")
		return c.evaluator.Check(ctx, q)
	}
	key := keyOf(q)
	views, err := c.store.Read(ctx, []Key{key})
	if err != nil {
		return c.unguarded(ctx, q)
	}
	if d, held := hit(views[0], c.now()); held {
		c.metrics.hit()
		c.sample(q, key, views[0])
		return d, nil
	}
	return c.miss(ctx, q, key, views[0])
}

// cacheable reports whether the answer depends on nothing but what epochs cover: of
// the servers' own relationships nobody hears.
func cacheable(q access.Check) bool {
	return !q.Exact && q.Resource.Type != access.TypeGatehouse && q.Subject.Relation == "" && q.Subject.ID != "*"
}

func keyOf(q access.Check) Key {
	return Key{Resource: q.Resource, Permission: q.Permission, Subject: q.Subject.Object, Context: fingerprint(q.Context)}
}

// fingerprint tells caveat contexts apart, whatever the order of their names; none is empty.
func fingerprint(context map[string]any) string {
	if len(context) == 0 {
		return ""
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(context); err != nil {
		return rand.Text() // like no other
	}
	return string(sum.Sum(nil))
}

// hit is the answer that a view holds, if it still does (rule 1).
func hit(v View, now time.Time) (access.Decision, bool) {
	if !v.Holds() || !now.Before(v.Entry.NotAfter.Add(-margin)) {
		return access.Decision{}, false
	}
	return access.Decision{Allowed: v.Entry.Allowed, CheckedAt: v.Entry.CheckedAt, Cached: true}, true
}

// why names what kept a view from being a hit.
func (c *Cache) why(v View) string {
	switch {
	case !v.Leased:
		return "lease"
	case v.Entry == nil:
		return "absent"
	case !v.clean():
		return "pending"
	case v.Entry.Nonces != v.nonces():
		return "stale"
	}
	return "ended"
}

// miss evaluates, and keeps the answer under the epochs as they were before (rule
// 2). Those who ask the same under the same epochs share an evaluation. Without a
// lease they do neither: the epochs may be from before a write whose bump failed or
// went to another Redis, and so may be an evaluation that goes on under them.
func (c *Cache) miss(ctx context.Context, q access.Check, key Key, v View) (access.Decision, error) {
	c.metrics.missed(c.why(v))
	v = c.begin(ctx, key, v)
	if !v.clean() {
		return c.evaluate(ctx, q)
	}
	flight := strings.Join(append([]string{key.Name()}, v.Epochs[0].Nonce, v.Epochs[1].Nonce, v.Epochs[2].Nonce), " ")
	landed := c.flights.DoChan(flight, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTime)
		defer cancel()
		d, err := c.evaluate(ctx, q)
		if err == nil {
			c.keep(ctx, key, v.nonces(), d)
		}
		return d, err
	})
	select {
	case <-ctx.Done():
		return access.Decision{}, access.Down("SpiceDB", ctx.Err())
	case result := <-landed:
		return result.Val.(access.Decision), result.Err
	}
}

// begin begins the epochs that are missing from a view.
func (c *Cache) begin(ctx context.Context, key Key, v View) View {
	if v.Epochs[0].Nonce != "" && v.Epochs[1].Nonce != "" && v.Epochs[2].Nonce != "" {
		return v
	}
	reaches := key.Reaches()
	if epochs, err := c.store.Begin(ctx, reaches[:]); err == nil {
		copy(v.Epochs[:], epochs)
	}
	return v
}

// keep fills in an answer, unless it depends on what no epoch covers (rules 2, 8).
// That it fails costs the next one a miss.
func (c *Cache) keep(ctx context.Context, key Key, nonces [3]string, d access.Decision) {
	if d.Conditional {
		return
	}
	reaches := key.Reaches()
	end, err := c.ends.FirstEnd(ctx, reaches[:]...)
	if err != nil {
		return
	}
	now := c.now()
	notAfter := now.Add(maxAge)
	if !end.IsZero() && end.Before(notAfter) {
		notAfter = end
	}
	if life := notAfter.Add(-margin).Sub(now); life > 0 {
		_ = c.store.Fill(ctx, key, Entry{Allowed: d.Allowed, Nonces: nonces, NotAfter: notAfter, CheckedAt: d.CheckedAt}, life)
	}
}

func (c *Cache) evaluate(ctx context.Context, q access.Check) (access.Decision, error) {
	defer c.metrics.evaluating(c.now)()
	return c.evaluator.Check(ctx, q)
}

// unguarded evaluates while the store is down (rule 9).
func (c *Cache) unguarded(ctx context.Context, q access.Check) (access.Decision, error) {
	c.metrics.bypassed("store")
	if err := c.enter(ctx); err != nil {
		return access.Decision{}, err
	}
	defer c.leave()
	return c.evaluate(ctx, q)
}

// enter waits for a slot, to be left. Errors: Unavailable, once the caller has given up.
func (c *Cache) enter(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return access.Down("SpiceDB", ctx.Err())
	}
}

func (c *Cache) leave() { <-c.slots }
