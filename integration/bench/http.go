package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// request is an HTTP request as it goes over the wire.
func request(host, path, token, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, token, len(body), body)
}

// unread is sent to those who look at no token, so that all are sent the same: it is as
// long as the key of an application.
var unread = strings.Repeat("unread__", 7)

// wire is one keep-alive connection, with no more of HTTP than the contenders use:
// the load must cost little beside what it measures. The same serves all of them.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(host string) (*wire, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// exchange sends a request and reads its answer, which is valid until the next.
func (w *wire) exchange(request []byte) ([]byte, error) {
	if _, err := w.conn.Write(request); err != nil {
		return nil, err
	}
	status, err := w.line()
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	refused := string(status)
	length := -1
	for {
		header, err := w.line()
		if err != nil {
			return nil, err
		}
		if len(header) == 0 {
			break
		}
		if header[0] != 'C' && header[0] != 'T' { // as servers in Go spell those that matter
			continue
		}
		name, value, _ := bytes.Cut(header, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = -1
		}
	}
	w.body = w.body[:0]
	if length >= 0 {
		err = w.read(length)
	} else {
		err = w.chunks()
	}
	if err == nil && !ok {
		err = fmt.Errorf("%s: %s", refused, w.body)
	}
	return w.body, err
}

func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	return bytes.TrimSuffix(line, []byte("\r\n")), err
}

func (w *wire) read(n int) error {
	have := len(w.body)
	if cap(w.body) < have+n {
		w.body = append(make([]byte, 0, 2*(have+n)), w.body...)
	}
	w.body = w.body[:have+n]
	_, err := io.ReadFull(w.in, w.body[have:])
	return err
}

func (w *wire) chunks() error {
	for {
		size, err := w.line()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(size), 16, 24)
		if err != nil {
			return errors.New("the answer has neither a length nor chunks")
		}
		if err := w.read(int(n)); err != nil {
			return err
		}
		if _, err := w.line(); err != nil || n == 0 {
			return err
		}
	}
}

// httpClient asks over HTTP, each request made before the clock runs.
type httpClient struct {
	*wire
	requests [][]byte
	allowed  []int  // how often the answer to each is yes
	yes      []byte // how it says so
	cached   int    // answers from a cache
}

var fromCache = []byte(`"source":"cache"`)

// overHTTP makes clients that ask the questions in requests of some at once.
func overHTTP(host, path, token, yes string, qs []question, atOnce int, body func([]question) string) func() (client, error) {
	var requests [][]byte
	var allowed []int
	for first := 0; first < len(qs); first += atOnce {
		some, n := qs[first:first+atOnce], 0
		for _, q := range some {
			if q.allowed {
				n++
			}
		}
		requests, allowed = append(requests, request(host, path, token, body(some))), append(allowed, n)
	}
	return func() (client, error) {
		w, err := dial(host)
		return &httpClient{wire: w, requests: requests, allowed: allowed, yes: []byte(yes)}, err
	}
}

func (c *httpClient) ask(n int) error {
	n %= len(c.requests)
	answer, err := c.exchange(c.requests[n])
	if err != nil {
		return err
	}
	if got := bytes.Count(answer, c.yes); got != c.allowed[n] {
		return fmt.Errorf("%d times yes, not %d, to %s: %s", got, c.allowed[n], c.requests[n], answer)
	}
	c.cached += bytes.Count(answer, fromCache)
	return nil
}

func (c *httpClient) hits() int { return c.cached }

func (c *httpClient) close() { _ = c.conn.Close() }
