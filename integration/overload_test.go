package integration

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// places are as many as the server under load serves at a time.
const places = 4

// burden is what came of many requests, each by how it was answered.
type burden struct {
	mu        sync.Mutex
	took      map[int][]time.Duration
	faults    []string
	perSecond float64 // that were served
}

// p99 is the time within which 99 of 100 were answered so.
func (b *burden) p99(status int) time.Duration {
	all := slices.Sorted(slices.Values(b.took[status]))
	if len(all) == 0 {
		return 0
	}
	return all[len(all)*99/100]
}

// press has clients send a request for some time, so many of them a second between
// them or, if that is zero, each as soon as the last is answered.
func press(t *testing.T, clients int, perSecond float64, lasting time.Duration, client *http.Client, request func() *http.Request) *burden {
	t.Helper()

	b := &burden{took: map[int][]time.Duration{}}
	begun := time.Now()
	var running sync.WaitGroup
	for n := range clients {
		running.Go(func() {
			next := begun
			if perSecond > 0 {
				next = begun.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
			}
			for {
				time.Sleep(time.Until(next)) // as a client does that has nothing to ask
				if time.Since(begun) > lasting {
					return
				}
				sent := time.Now()
				status, fault := send(client, request())
				took := time.Since(sent)
				b.mu.Lock()
				b.took[status] = append(b.took[status], took)
				if fault != "" {
					b.faults = append(b.faults, fault)
				}
				b.mu.Unlock()
				if perSecond > 0 {
					if next = next.Add(time.Duration(float64(clients) / perSecond * float64(time.Second))); time.Since(next) > time.Second {
						next = time.Now() // what could not be sent in time is not made up for at once
					}
				}
			}
		})
	}
	running.Wait()
	b.perSecond = float64(len(b.took[http.StatusOK])) / time.Since(begun).Seconds()
	return b
}

// send returns the status of the answer, and what is wrong with it.
func send(client *http.Client, request *http.Request) (int, string) {
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return 0, err.Error()
	case response.StatusCode == http.StatusOK:
	case response.Header.Get("Retry-After") == "":
		return response.StatusCode, "no Retry-After: " + string(body)
	case !bytes.Contains(body, []byte(`"code":"overloaded"`)):
		return response.StatusCode, string(body)
	}
	return response.StatusCode, ""
}

// TestOverload asks ten times as much of a server as it can do. What it lets in it
// serves in good time, the rest it turns away at once; meanwhile it answers questions
// from the cache and says that it is well, takes no more memory, and is as before as
// soon as the load ends.
func TestOverload(t *testing.T) { // not beside others: it is about time
	lasting, err := time.ParseDuration(cmp.Or(os.Getenv("GATEHOUSE_TEST_OVERLOAD"), "4s"))
	require.NoError(t, err)
	s := start(t, "--max-work", strconv.Itoa(places))
	w := build(t, s, "overload")
	operator := s.operator(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	q := question("project", w.id("project"), "view", object{"type": "user", "email": w.email("admin")})
	ask := func(path string) func() *http.Request {
		return func() *http.Request {
			request, _, err := operator.request(http.MethodPost, path, q)
			assert.NoError(t, err)
			return request
		}
	}
	press(t, places, 0, time.Second, client, ask("/v1/explain")) // for the first requests take longest
	normal := press(t, places, 0, lasting/2, client, ask("/v1/explain"))
	require.Empty(t, normal.faults)
	require.Len(t, normal.took, 1, "within its capacity, it serves all")
	before := s.memory(t)

	var running sync.WaitGroup
	var questions *burden
	running.Go(func() { questions = press(t, 2, 50, lasting, client, ask("/v1/check")) })
	healthz, err := http.NewRequest(http.MethodGet, s.url+"/healthz", nil)
	require.NoError(t, err)
	well, most := 0, int64(0)
	ended := make(chan struct{})
	running.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
				status, fault := send(client, healthz)
				if assert.Equal(t, http.StatusOK, status, fault) {
					well++
				}
				most = max(most, s.memory(t))
			}
		}
	})
	over := press(t, 20*places, 10*normal.perSecond, lasting, client, ask("/v1/explain"))
	close(ended)
	running.Wait()
	calm := time.Now()

	assert.Empty(t, over.faults, "whoever is turned away is told when to come back")
	for status := range over.took {
		assert.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, status)
	}
	served, refused := len(over.took[http.StatusOK]), len(over.took[http.StatusServiceUnavailable])
	t.Logf("normally %.0f/s, p99 %s; of ten times as many %.0f/s, p99 %s, and %d of %d turned away, p99 %s; questions p99 %s; memory %d MiB, then %d MiB", normal.perSecond, normal.p99(200),
		over.perSecond, over.p99(200), refused, served+refused, over.p99(503), questions.p99(200), before>>20, most>>20)
	assert.Greater(t, refused, served, "most are turned away")
	if lasting >= time.Minute { // in less time, more of it is chance
		assert.Greater(t, over.perSecond, normal.perSecond/5, "it does not collapse")
		assert.Less(t, over.p99(http.StatusOK), 5*normal.p99(http.StatusOK), "what is let in is served in good time")
	}
	assert.Empty(t, questions.faults)
	assert.Len(t, questions.took, 1, "questions have places of their own")
	assert.NotZero(t, questions.took[http.StatusOK])
	assert.NotZero(t, well)
	assert.Less(t, most, 2*before+64<<20, "bytes of memory")

	for range 2 * places { // one after the other
		status, fault := send(client, ask("/v1/explain")())
		require.Equal(t, http.StatusOK, status, fault)
	}
	assert.Less(t, time.Since(calm), 5*time.Second, "as soon as the load ends, all is as before")
	assert.Contains(t, string(page(t, s, "/metrics").body), `gatehouse_http_requests_refused_total{limit="max_work"} `+strconv.Itoa(refused))
}

var resident = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// memory is how much the server takes, in bytes.
func (s *server) memory(t *testing.T) int64 {
	t.Helper()

	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.command.Process.Pid) + "/status")
	require.NoError(t, err)
	said := resident.FindSubmatch(text)
	require.NotNil(t, said)
	n, err := strconv.ParseInt(string(said[1]), 10, 64)
	require.NoError(t, err)
	return n << 10
}
