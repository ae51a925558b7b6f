// Bench runs Gatehouse beside its peers, on one machine, in one run and on the same
// questions, and writes what it saw to docs/benchmarks.md and docs/benchmarks.svg.
// `make bench` builds what it needs and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// programs are the binaries that are run.
type programs struct{ gatehouse, spicedb, openfga, redis string }

type settings struct {
	programs programs
	round    time.Duration
	settle   time.Duration
	warm     time.Duration
	rounds   int
	stream   time.Duration
	only     string
	out      string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 4 && os.Args[1] == "gin" {
		return serveGin(os.Args[2], os.Args[3])
	}
	var s settings
	flag.StringVar(&s.programs.gatehouse, "gatehouse", "bin/gatehouse", "binary of Gatehouse")
	flag.StringVar(&s.programs.spicedb, "spicedb", "bin/spicedb", "binary of SpiceDB")
	flag.StringVar(&s.programs.openfga, "openfga", "bin/openfga", "binary of OpenFGA")
	flag.StringVar(&s.programs.redis, "redis", "redis-server", "binary of Redis")
	// SpiceDB's own cache is for five seconds at a time: turns are long enough for it to be of use.
	flag.DurationVar(&s.round, "round", 4*time.Second, "how long each contender is measured in each round")
	flag.DurationVar(&s.settle, "settle", 10*time.Second, "how long everyone has for what making the world left to do")
	flag.DurationVar(&s.warm, "warm", time.Second, "how long it runs before that, unmeasured")
	flag.IntVar(&s.rounds, "rounds", 5, "how many rounds there are")
	flag.DurationVar(&s.stream, "stream", 5*time.Second, "how long hits are counted while roles are given")
	flag.StringVar(&s.only, "only", "", "measure only these contenders, by id: gin, gin-redis, gatehouse, …")
	flag.StringVar(&s.out, "out", "docs", "folder for benchmarks.md and benchmarks.svg")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Println("starting the contenders")
	f := gather(ctx, s.programs, dir)
	defer f.stop()
	if s.only != "" {
		named := strings.Split(s.only, ",")
		f.contenders = slices.DeleteFunc(f.contenders, func(c *contender) bool { return !slices.Contains(named, c.id) })
	}
	for _, why := range f.absent {
		fmt.Println("absent:", why)
	}
	r, err := s.compete(ctx, f)
	if err != nil {
		return err
	}
	if err := s.write(r); err != nil {
		return err
	}
	fmt.Print("\n", r.tables())
	return nil
}

// levels are how many clients ask at once.
var levels = []int{16, 1}

// compete measures everyone in rounds. In each, all have their turn one after the
// other, so that what disturbs the machine disturbs them alike.
func (s settings) compete(ctx context.Context, f *field) (*result, error) {
	r := newResult(s, f)
	if err := warm(f); err != nil {
		return nil, err
	}
	time.Sleep(s.settle) // mails to everybody who was added, for one
	for round := range s.rounds {
		fmt.Printf("round %d of %d\n", round+1, s.rounds)
		for _, n := range levels {
			for turn := range f.contenders {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				// Nobody always follows the same one.
				c := f.contenders[(turn+round)%len(f.contenders)]
				m, err := s.turn(c, n)
				if err != nil {
					return nil, fmt.Errorf("%s with %d clients: %w", c.name, n, err)
				}
				r.add(c, n, m)
			}
		}
	}
	for _, g := range f.gatehouses {
		fmt.Println("hits while roles are given:", g.name)
		h, err := g.stream(ctx, s.stream)
		if err != nil {
			return nil, err
		}
		r.hits = append(r.hits, h)
	}
	return r, nil
}

// warm asks everyone everything once, which fills their caches and shows that they
// answer alike.
func warm(f *field) error {
	for _, c := range f.contenders {
		cs, err := c.with(1)
		if err != nil {
			return err
		}
		for n := range questions / c.perAsk {
			if err := cs[0].ask(n); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

func (s settings) turn(c *contender, n int) (measure, error) {
	cs, err := c.with(n)
	if err != nil {
		return measure{}, err
	}
	if _, err := load(cs, c.perAsk, s.warm); err != nil {
		return measure{}, err
	}
	return load(cs, c.perAsk, s.round)
}
