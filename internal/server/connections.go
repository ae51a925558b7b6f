package server

import (
	"net"
	"sync"
)

// bounded has so many connections at a time. The rest wait in the queue of the system,
// where they take no memory of ours. What netutil.LimitListener accepts cannot be closed on
// one side alone, so whoever is refused while still sending would not hear why.
type bounded struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	close  func()
}

func bound(l net.Listener, connections int) *bounded {
	b := &bounded{Listener: l, places: make(chan struct{}, connections), closed: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.closed) })
	return b
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	leave := sync.OnceFunc(func() { <-b.places })
	conn, err := b.Listener.Accept()
	if err != nil {
		leave()
		return nil, err
	}
	return &counted{conn.(*net.TCPConn), leave}, nil
}

// Close implements net.Listener.
func (b *bounded) Close() error {
	b.close()
	return b.Listener.Close()
}

// counted has a place until it is closed.
type counted struct {
	*net.TCPConn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}
