package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

// contender is one way to have checks answered.
type contender struct {
	id        string
	name      string
	ours      bool
	perAsk    int // checks in one request
	open      func() (client, error)
	connected map[int][]client // by how many ask at once
}

// with are as many clients as ask at once. They stay connected from round to round.
func (c *contender) with(n int) ([]client, error) {
	for len(c.connected[n]) < n {
		one, err := c.open()
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", c.name, err)
		}
		c.connected[n] = append(c.connected[n], one)
	}
	return c.connected[n], nil
}

func (c *contender) close() {
	for _, cs := range c.connected {
		for _, one := range cs {
			one.close()
		}
	}
}

// field is everything that was started.
type field struct {
	contenders []*contender
	gatehouses []*gatehouse
	absent     []string // what did not start, and why
	stops      []func() // in the order of starting
}

func (f *field) stop() {
	for _, c := range f.contenders {
		c.close()
	}
	for i := len(f.stops) - 1; i >= 0; i-- {
		f.stops[i]()
	}
}

func (f *field) enter(id, name string, ours bool, perAsk int, open func() (client, error)) {
	f.contenders = append(f.contenders, &contender{id: id, name: name, ours: ours, perAsk: perAsk, open: open, connected: map[int][]client{}})
}

// run starts a process that ends with the field.
func (f *field) run(ctx context.Context, answers func() error, name string, args ...string) error {
	p, err := start(name, args...)
	if err != nil {
		return err
	}
	f.stops = append(f.stops, p.stop)
	return p.await(ctx, answers)
}

// bulk is how many checks a bulk asks at once.
const bulk = 100

// gather starts all contenders. One that does not start is absent, and the others run.
func gather(ctx context.Context, programs programs, dir string) *field {
	f := &field{}
	qs := ask()
	redisAddress, err := f.redis(ctx, programs.redis, dir)
	if err != nil {
		f.absent = append(f.absent, fmt.Sprintf("Redis: %v", err))
	}
	try := func(name string, enter func() error) {
		if err := enter(); err != nil {
			f.absent = append(f.absent, fmt.Sprintf("%s: %v", name, err))
		}
	}
	try("Gin", func() error { return f.gin(ctx, "gin", "bare Gin handler", "", qs) })
	if redisAddress != "" {
		try("Gin + Redis", func() error { return f.gin(ctx, "gin-redis", "Gin + one Redis GET", redisAddress, qs) })
		try("Gatehouse over Redis", func() error { return f.gatehouse(ctx, programs.gatehouse, dir, redisAddress, qs) })
	}
	try("Gatehouse", func() error { return f.gatehouse(ctx, programs.gatehouse, dir, "", qs) })
	try("SpiceDB", func() error { return f.spicedb(ctx, programs.spicedb, qs) })
	try("OpenFGA", func() error { return f.openfga(ctx, programs.openfga, qs) })
	return f
}

func (f *field) redis(ctx context.Context, program, dir string) (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	// Nothing is kept, and epochs are never evicted, as Gatehouse asks for.
	err = f.run(ctx, listens(address), program, "--bind", host, "--port", port, "--dir", dir,
		"--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru")
	if err != nil {
		return "", err
	}
	return address, nil
}

func (f *field) gin(ctx context.Context, id, name, redisAddress string, qs []question) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := f.run(ctx, listens(address), self, "gin", address, redisAddress); err != nil {
		return err
	}
	f.enter(id, name, false, 1, overHTTP(address, "/v1/check", unread, yes, qs, 1, single("")))
	return nil
}

// yes is how Gatehouse, and the peers made of Gin, say it.
const yes = `"allowed":true`

func single(rest string) func([]question) string {
	return func(qs []question) string { return qs[0].json(rest) }
}
