package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// caller is somebody at the HTTP API.
type caller struct {
	server *server
	token  string
}

// as signs a person in.
func (s *server) as(t *testing.T, email string) caller {
	t.Helper()

	return caller{s, s.mint(t, "--email", email)}
}

// operator signs somebody in who operates the platform.
func (s *server) operator(t *testing.T) caller {
	t.Helper()

	return caller{s, s.mint(t, "--email", "olga@operators.example", "--operator")}
}

// nobody does not sign in.
func (s *server) nobody() caller { return caller{server: s} }

// mint makes a token as a person does at the command line.
func (s *server) mint(t *testing.T, flags ...string) string {
	t.Helper()

	key := strings.Join(flags, " ")
	if made, ok := s.tokens.Load(key); ok {
		return made.(string)
	}
	printed, err := say(t.Context(), "", gatehouse, append([]string{"token", "--data-dir", s.dataDir, "--dev-key-file", s.devKey}, flags...)...)
	require.NoError(t, err)
	made := strings.TrimSuffix(printed, "\n")
	s.tokens.Store(key, made)
	return made
}

// answer is what the server answered, with whatever of it the client must know.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// object is a JSON object.
type object map[string]any

// post and its like send a request and hold what comes back against the contract.
func (c caller) post(t *testing.T, path string, body any) answer {
	t.Helper()
	return c.do(t, http.MethodPost, path, body)
}

func (c caller) get(t *testing.T, path string) answer {
	t.Helper()
	return c.do(t, http.MethodGet, path, nil)
}

func (c caller) delete(t *testing.T, path string) answer {
	t.Helper()
	return c.do(t, http.MethodDelete, path, nil)
}

func (c caller) do(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()

	a, err := c.try(method, path, body, headers...)
	require.NoError(t, err, "%s %s", method, path)
	return a
}

// try is do for those who expect that there may be no answer.
func (c caller) try(method, path string, body any, headers ...string) (answer, error) {
	request, sent, err := c.request(method, path, body, headers...)
	if err != nil {
		return answer{}, err
	}
	a, err := c.server.exchange(request)
	if err != nil {
		return a, err
	}
	return a, theContract().check(request, sent, a)
}

// request prepares a request. A body that is text is sent as it stands; headers
// come in pairs.
func (c caller) request(method, path string, body any, headers ...string) (*http.Request, []byte, error) {
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			return nil, nil, err
		}
	}
	request, err := http.NewRequest(method, c.server.url+path, bytes.NewReader(sent))
	if err != nil {
		return nil, nil, err
	}
	if len(sent) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request, sent, nil
}

// exchange sends a request and reads the answer to its end.
func (s *server) exchange(request *http.Request) (answer, error) {
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("the answer was cut off: %w", err)
	}
	return answer{response.StatusCode, response.Header, body}, nil
}

// want insists on a status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()

	require.Equal(t, status, a.status, "%s", a.body)
	return a
}

// at returns what stands at a place of the answer's JSON: names lead into objects,
// numbers into arrays.
func (a answer) at(t *testing.T, place ...any) any {
	t.Helper()

	var value any
	require.NoError(t, json.Unmarshal(a.body, &value), "%s", a.body)
	for _, step := range place {
		switch key := step.(type) {
		case string:
			inner, _ := value.(map[string]any)
			require.Contains(t, inner, key, "%s", a.body)
			value = inner[key]
		case int:
			inner, _ := value.([]any)
			require.Greater(t, len(inner), key, "%s", a.body)
			value = inner[key]
		}
	}
	return value
}

// text is at for a string.
func (a answer) text(t *testing.T, place ...any) string {
	t.Helper()

	found, ok := a.at(t, place...).(string)
	require.True(t, ok, "%v is no text in %s", place, a.body)
	return found
}

// code insists on the code of a refusal.
func (a answer) code(t *testing.T, code string) answer {
	t.Helper()

	require.Equal(t, code, a.text(t, "code"), "%s", a.body)
	return a
}
