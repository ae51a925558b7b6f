package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/client"
)

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"429": status(http.StatusTooManyRequests), "502": status(http.StatusBadGateway), "503": status(http.StatusServiceUnavailable),
		"504": status(http.StatusGatewayTimeout), "hung up": hangUp, "broken off": breakOff, "no answer in time": stall,
	} {
		t.Run(name, func(t *testing.T) {
			p := between(t, fault, fault)
			d, err := connect(t, at(p.url), func(c *client.Config) { c.Timeout = 300 * time.Millisecond }).Check(t.Context(), may)
			require.NoError(t, err)
			assert.True(t, d.Allowed)
			assert.EqualValues(t, 3, p.requests.Load())
			first := <-p.ids
			assert.Equal(t, first, <-p.ids, "one id for all attempts")
			assert.Equal(t, first, <-p.ids)
		})
	}
}

func TestWhatStaysIsNotTriedAgain(t *testing.T) {
	for _, code := range []int{307, 400, 401, 403, 404, 409, 422, 500, 501} {
		p := between(t, status(code, "Location", "/elsewhere"))
		_, err := connect(t, at(p.url)).Check(t.Context(), may)
		var e *client.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, code, e.Status)
		assert.EqualValues(t, 1, p.requests.Load(), "%d", code)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	for attempts, want := range map[int]int64{0: 4, 1: 1, 2: 2} {
		p := between(t, repeated(10, status(http.StatusServiceUnavailable))...)
		_, err := connect(t, at(p.url), func(c *client.Config) { c.Attempts = attempts }).Check(t.Context(), may)
		require.ErrorIs(t, err, client.ErrUnavailable)
		assert.Equal(t, want, p.requests.Load())
	}
}

// direct is a transport without a network between, for a test in which time is
// not real.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestWaits(t *testing.T) {
	waits := func(ctx context.Context, fault http.HandlerFunc, change ...func(*client.Config)) (waits []time.Duration, err error) {
		last := time.Now()
		gatehouse := connect(t, append(change, func(c *client.Config) {
			c.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				waits, last = append(waits, time.Since(last)), time.Now()
				fault(w, r)
			})}
		})...)
		_, err = gatehouse.Check(ctx, may)
		return waits, err
	}
	between := func(t *testing.T, low, high, d time.Duration) {
		t.Helper()
		assert.GreaterOrEqual(t, d, low)
		assert.LessOrEqual(t, d, high)
	}
	down, ms := status(http.StatusServiceUnavailable), time.Millisecond

	t.Run("grow and vary", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 20 {
				got, _ := waits(t.Context(), down)
				require.Len(t, got, 4)
				between(t, 25*ms, 50*ms, got[1])
				between(t, 50*ms, 100*ms, got[2])
				between(t, 100*ms, 200*ms, got[3])
				seen[got[1]] = true
			}
			assert.Greater(t, len(seen), 10, "different waits")
		})
	})
	t.Run("are bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got, _ := waits(t.Context(), down, func(c *client.Config) { c.Attempts, c.MaxWait = 100, time.Second })
			require.Len(t, got, 100)
			between(t, 500*ms, time.Second, got[99])
		})
	})
	for name, when := range map[string]func() string{
		"heed Retry-After in seconds": func() string { return "1" },
		"heed Retry-After as a date":  func() string { return time.Now().Add(time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := waits(t.Context(), status(http.StatusTooManyRequests, "Retry-After", when()), func(c *client.Config) { c.Attempts = 2 })
				require.Len(t, got, 2)
				between(t, time.Second, 1100*ms, got[1])
				require.ErrorIs(t, err, client.ErrUnavailable)
			})
		})
	}
	t.Run("end where the server asks for too much patience", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got, err := waits(t.Context(), status(http.StatusServiceUnavailable, "Retry-After", "3"))
			require.Len(t, got, 1)
			var e *client.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 3*time.Second, e.RetryAfter)
		})
	})
	t.Run("never outlast the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 900*ms)
			defer cancel()
			begun := time.Now()
			got, err := waits(ctx, status(http.StatusServiceUnavailable, "Retry-After", "1"))
			require.Len(t, got, 1)
			require.ErrorIs(t, err, client.ErrUnavailable)
			assert.Zero(t, time.Since(begun), "what could only be in vain is not waited for")
		})
	})
	t.Run("end with the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			begun := time.Now()
			time.AfterFunc(300*ms, cancel)
			got, err := waits(ctx, status(http.StatusServiceUnavailable, "Retry-After", "1"))
			require.Len(t, got, 1)
			require.Error(t, err)
			assert.Equal(t, 300*ms, time.Since(begun))
		})
	})
}

// TestConnectionsAreReused, also after answers that nobody wanted to read.
func TestConnectionsAreReused(t *testing.T) {
	p := between(t, status(503), status(422), status(403))
	gatehouse := connect(t, at(p.url))
	for range 20 {
		_, _ = gatehouse.Check(t.Context(), may)
	}
	assert.EqualValues(t, 21, p.requests.Load())
	assert.EqualValues(t, 1, p.connections.Load())
}

// TestManyAtOnceKeepTheirConnections: net/http by itself would keep two.
func TestManyAtOnceKeepTheirConnections(t *testing.T) {
	const clients, times = 16, 3
	var faults []http.HandlerFunc
	for range times {
		var here sync.WaitGroup // until all are, nobody is answered
		here.Add(clients)
		faults = append(faults, repeated(clients, func(w http.ResponseWriter, r *http.Request) {
			here.Done()
			here.Wait()
			says(`{"allowed":true}`)(w, r)
		})...)
	}
	p := between(t, faults...)
	gatehouse := connect(t, at(p.url))
	for range times {
		var asking sync.WaitGroup
		for range clients {
			asking.Go(func() { assert.NoError(t, gatehouse.Require(t.Context(), may)) })
		}
		asking.Wait()
	}
	assert.EqualValues(t, clients, p.connections.Load())
}

func TestTheTokenStaysWithItsServer(t *testing.T) {
	elsewhere := between(t)
	p := between(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.url+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := connect(t, at(p.url)).Check(t.Context(), may)
	require.Error(t, err)
	assert.Zero(t, elsewhere.requests.Load())
}

func TestTokensAreAskedForEachTime(t *testing.T) {
	p := between(t, status(http.StatusServiceUnavailable))
	asked := 0
	gatehouse := connect(t, at(p.url), func(c *client.Config) {
		c.Token = func(context.Context) (string, error) {
			asked++
			return token, nil
		}
	})
	require.NoError(t, gatehouse.Require(t.Context(), may))
	assert.Equal(t, 2, asked)
}

func TestRequestIDs(t *testing.T) {
	p := between(t)
	gatehouse := connect(t, at(p.url))
	ctx := client.WithRequestID(t.Context(), "order-66")
	q := may
	q.Permission = "levitate"
	_, err := gatehouse.Check(ctx, q)
	assert.Equal(t, "order-66", <-p.ids)
	var e *client.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "order-66", e.RequestID)
	assert.ErrorContains(t, err, "(request order-66)")

	_, _ = gatehouse.Check(t.Context(), may)
	_, _ = gatehouse.Check(t.Context(), may)
	first, second := <-p.ids, <-p.ids
	assert.NotEmpty(t, first)
	assert.NotEqual(t, first, second)
}
