package main

import (
	"context"
	"fmt"
	"time"
)

// streamed is how often answers came from the cache while others were given roles
// and new objects came to be.
type streamed struct {
	name            string
	hitRate         float64
	checks          float64 // a second
	grants, objects int
	took            time.Duration
}

// every is the time between two changes of the stream: twenty a second, of which
// each fifth makes a new project.
const every = 50 * time.Millisecond

// stream has clients ask what they asked before, while the world around them changes.
func (g *gatehouse) stream(ctx context.Context, d time.Duration) (streamed, error) {
	s := streamed{name: g.name}
	cs, err := g.single.with(4)
	if err != nil {
		return s, err
	}
	ctx, end := context.WithCancel(ctx)
	changed := make(chan error, 1)
	begun := time.Now()
	go func() { changed <- g.change(ctx, &s) }()
	m, err := load(cs, 1, d)
	s.took = time.Since(begun)
	end()
	if failed := <-changed; err == nil {
		err = failed
	}
	s.hitRate, s.checks = m.cached, m.rate
	return s, err
}

// change gives roles and makes projects until the context ends.
func (g *gatehouse) change(ctx context.Context, s *streamed) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		var err error
		if n%5 == 4 {
			id := fmt.Sprint("bench-new-project-", n)
			err = g.call(ctx, g.admin, "/v1/clients/"+clientID(n%clients)+"/projects", object{"id": id, "name": id}, nil)
			s.objects++
		} else {
			err = g.call(ctx, g.admin, "/v1/projects/"+projectID(n%projects)+"/members", person(fmt.Sprint("newcomer-", n), "project_member"), nil)
			s.grants++
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
