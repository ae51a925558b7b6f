package main

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"
)

// client asks one contender over a connection of its own.
type client interface {
	// ask asks the n-th question of all, over and over, and insists on the right answer.
	ask(n int) error
	hits() int // answers from a cache so far, if the contender says so
	close()
}

// measure is what a run of load saw.
type measure struct {
	rate      float64       // checks a second
	p50, p99  time.Duration // of a request
	generator time.Duration // of processor time that the load itself took, for each check
	cached    float64       // part of the answers that came from a cache
}

// load has clients ask as fast as they are answered, each its next question when
// it has the last answer, until the time is over.
func load(cs []client, perRequest int, d time.Duration) (measure, error) {
	var all []time.Duration
	var errs []error
	var mu sync.Mutex
	var running sync.WaitGroup
	before := hits(cs)
	cpu, begun := processorTime(), time.Now()
	for i, c := range cs {
		running.Go(func() {
			took := make([]time.Duration, 0, 1<<16)
			var err error
			last := begun
			for n := i * 61; err == nil && last.Sub(begun) < d; n++ {
				err = c.ask(n)
				now := time.Now()
				took, last = append(took, now.Sub(last)), now
			}
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, took...), append(errs, err)
		})
	}
	running.Wait()
	elapsed, cpu := time.Since(begun), processorTime()-cpu
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
		return measure{}, err
	}
	slices.Sort(all)
	checks := len(all) * perRequest
	return measure{
		rate: float64(checks) / elapsed.Seconds(),
		p50:  all[len(all)/2], p99: all[len(all)*99/100],
		generator: cpu / time.Duration(checks),
		cached:    float64(hits(cs)-before) / float64(checks),
	}, nil
}

func hits(cs []client) int {
	total := 0
	for _, c := range cs {
		total += c.hits()
	}
	return total
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
