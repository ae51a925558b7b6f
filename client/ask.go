package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"time"
)

// maxAnswer bounds, in bytes, what is read of an answer: far above a thousand
// answers of a bulk.
const maxAnswer = 8 << 20

// firstWait is how long the first wait may last, unless the server says.
const firstWait = 50 * time.Millisecond

type requestIDKey struct{}

// WithRequestID has the requests made under a context carry an id of the caller's,
// under which the server's log has them. Without one, each call makes one up.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// ask sends a question until it is answered, or there is no sense in asking again.
func (c *Client) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("gatehouse: write the request: %w", err)
	}
	id, ok := ctx.Value(requestIDKey{}).(string)
	if !ok {
		id = rand.Text()
	}
	for attempt := 1; ; attempt++ {
		failed := c.attempt(ctx, path, id, body, answer)
		if failed == nil {
			return nil
		}
		if attempt == c.attempts || !failed.mayPass() || !c.wait(ctx, attempt, failed.RetryAfter) {
			return failed
		}
	}
}

// attempt sends a question once.
func (c *Client) attempt(ctx context.Context, path, id string, body []byte, answer any) *Error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.token(limited)
	if err != nil {
		return &Error{Code: CodeNoToken, RequestID: id, Err: err}
	}
	r, err := http.NewRequestWithContext(limited, http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil {
		return &Error{Code: CodeUnreachable, RequestID: id, Err: err}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-ID", id)

	response, err := c.http.Do(r)
	if err != nil {
		return &Error{Code: CodeUnreachable, RequestID: id, Err: because(ctx, err)}
	}
	defer func() { _ = response.Body.Close() }()
	// Read to its end, so that the connection can be used again.
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &Error{Code: CodeUnreachable, RequestID: id, Err: because(ctx, err)}
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return &Error{Status: response.StatusCode, Code: CodeUnreadable, RequestID: id, Err: err}
	}
	return nil
}

// because names the end of the caller's context where that is why a request ended,
// whatever the transport calls it.
func because(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}

// wait waits before another attempt, and reports whether there is to be one.
func (c *Client) wait(ctx context.Context, attempt int, asked time.Duration) bool {
	if asked > c.maxWait {
		return false
	}
	longest := min(firstWait<<min(attempt-1, 16), c.maxWait)
	// All who failed at once must not come back at once.
	wait := longest/2 + mathrand.N(longest/2+1)
	if asked > 0 {
		wait = asked + mathrand.N(asked/10+1)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false // it would only be in vain
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
