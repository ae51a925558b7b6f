package operations_test

import "sync"

// atOnce runs so many calls beside each other, none before all are there, and
// returns how each ended.
func atOnce(calls int, call func(n int) error) []error {
	errs := make([]error, calls)
	var gathering, running sync.WaitGroup
	gathering.Add(calls)
	for n := range calls {
		running.Go(func() {
			gathering.Done()
			gathering.Wait()
			errs[n] = call(n)
		})
	}
	running.Wait()
	return errs
}
