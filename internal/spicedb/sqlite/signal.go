package sqlite

import "sync"

// signal wakes everyone who waits for it.
type signal struct {
	mu sync.Mutex
	c  chan struct{}
}

// next is closed when the signal is raised after this call.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c == nil {
		s.c = make(chan struct{})
	}
	return s.c
}

func (s *signal) raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c != nil {
		close(s.c)
		s.c = nil
	}
}
