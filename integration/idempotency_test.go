package integration

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRepeatedWritesRepeatTheirAnswer sends every kind of write twice under one
// key: the second time nothing happens but the same answer.
func TestRepeatedWritesRepeatTheirAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := build(t, s, "again")
	almighty := w.almighty(t)

	writes := map[string]attempt{}
	for _, r := range rules() {
		if r.operation != "acceptInvitation" && !strings.HasPrefix(r.operation, "check") && !strings.HasPrefix(r.operation, "lookup") {
			if try := w.attempt(t, r); try.method != http.MethodGet && !strings.HasPrefix(try.path, "/access/v1/") {
				writes[r.String()] = try
			}
		}
	}
	for name, try := range writes {
		t.Run(name, func(t *testing.T) {
			first := almighty.do(t, try.method, try.path, try.body, "Idempotency-Key", name)
			require.Less(t, first.status, 300, "%s", first.body)
			// The mark of a removal goes once the site is tidy.
			settled := func() []string {
				return slices.DeleteFunc(s.relationships(t), func(r string) bool { return strings.Contains(r, "#removing@") })
			}
			written := settled()
			second := almighty.do(t, try.method, try.path, try.body, "Idempotency-Key", name)

			assert.Equal(t, first.status, second.status)
			assert.Equal(t, secret.ReplaceAllString(string(first.body), ""), string(second.body))
			assert.NotEqual(t, first.header.Get("X-Request-ID"), second.header.Get("X-Request-ID"), "it is another request")
			for _, h := range []http.Header{first.header, second.header} {
				h.Del("X-Request-ID")
				h.Del("Date")
				h.Del("Content-Length")
			}
			assert.Equal(t, first.header, second.header)
			assert.Equal(t, written, settled())
		})
	}

	t.Run("accepted", func(t *testing.T) {
		almighty.post(t, w.path("project")+"/invitations", object{"email": w.email("amy")}).want(t, http.StatusCreated)
		_, token := s.letter(t, w.email("amy")).link(t)
		amy := s.as(t, w.email("amy"))
		accept := func() answer {
			return amy.do(t, http.MethodPost, "/v1/invitations/accept", object{"token": token}, "Idempotency-Key", "accept")
		}
		first := accept().want(t, http.StatusCreated)
		assert.Equal(t, string(first.body), string(accept().want(t, http.StatusCreated).body))
		amy.post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusConflict)
	})
}

// TestRefusalsLeaveTheKeyFree carries a request out that was refused before: it
// changed nothing, and may be allowed or right by now.
func TestRefusalsLeaveTheKeyFree(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "free-key")
	amy := shared.as(t, w.email("amy"))

	create := func(body any) answer {
		return amy.do(t, http.MethodPost, w.path("partner")+"/clients", body, "Idempotency-Key", "free-key")
	}
	create(object{"name": "A"}).want(t, http.StatusNotFound)
	w.add(t, "partner", w.email("amy"), "partner_admin")
	create(object{"name": ""}).want(t, http.StatusUnprocessableEntity)
	create(object{"name": "B"}).want(t, http.StatusCreated)
	create(object{"name": "A"}).want(t, http.StatusUnprocessableEntity).code(t, "idempotency_key_reused")
}

// TestQuestionsAreNotRepeated answers a check anew, whatever its caller calls it.
func TestQuestionsAreNotRepeated(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "new-answer")
	amy := shared.as(t, w.email("amy"))

	allowed := func() any {
		q := question("project", w.id("project"), "view", object{"type": "user", "email": w.email("amy")})
		return amy.do(t, http.MethodPost, "/v1/check", q, "Idempotency-Key", "new-answer").want(t, http.StatusOK).at(t, "allowed")
	}
	assert.Equal(t, false, allowed())
	w.add(t, "project", w.email("amy"), "project_member")
	assert.Equal(t, true, allowed())
}

// TestKeysAreForOneRequest refuses another one under a key that was used.
func TestKeysAreForOneRequest(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "one-key")
	almighty, path := w.almighty(t), w.path("partner")+"/clients"

	send := func(method, path string, body any) answer {
		return almighty.do(t, method, path, body, "Idempotency-Key", "one-key")
	}
	clients := func() string { return string(almighty.get(t, path).want(t, http.StatusOK).body) }
	send(http.MethodPost, path, object{"name": "A"}).want(t, http.StatusCreated)
	before := clients()
	for name, again := range map[string]func() answer{
		"another body":   func() answer { return send(http.MethodPost, path, object{"name": "B"}) },
		"another layout": func() answer { return send(http.MethodPost, path, `{ "name": "A" }`) },
		"another path":   func() answer { return send(http.MethodPost, "/v1/instances", object{"name": "A"}) },
		"another method": func() answer { return send(http.MethodDelete, "/v1/invitations/a", nil) },
	} {
		again().want(t, http.StatusUnprocessableEntity).code(t, "idempotency_key_reused")
		assert.Equal(t, before, clients(), name)
	}
	send(http.MethodPost, path, object{"name": "A"}).want(t, http.StatusCreated)
	send(http.MethodGet, "/v1/me", nil).want(t, http.StatusOK) // reading needs no key
	assert.Equal(t, before, clients())
}

// TestKeysOfDifferentPeopleAreDifferent lets two people choose the same key.
func TestKeysOfDifferentPeopleAreDifferent(t *testing.T) {
	t.Parallel()
	one, other := build(t, shared, "key-of-one"), build(t, shared, "key-of-other")

	made := map[string]bool{}
	for _, w := range []world{one, other} {
		created := w.almighty(t).do(t, http.MethodPost, "/v1/partners", object{"name": "A"}, "Idempotency-Key", "same")
		made[created.want(t, http.StatusCreated).text(t, "object", "id")] = true
	}
	assert.Len(t, made, 2)
}

// TestWritesAtOnceUnderOneKeyAreOne sends the same request many times at the same
// moment. Whoever is too early hears that it is under way, everybody else the one answer.
func TestWritesAtOnceUnderOneKeyAreOne(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "at-the-same-time")
	admin := w.admin(t, "partner")
	path := w.path("partner") + "/clients"
	const many = 20

	answers := make([]answer, many)
	ready := make(chan struct{})
	var running sync.WaitGroup
	for i := range answers {
		running.Go(func() {
			<-ready
			var err error
			answers[i], err = admin.try(http.MethodPost, path, object{"name": "A"}, "Idempotency-Key", "at once")
			assert.NoError(t, err)
		})
	}
	close(ready)
	running.Wait()

	final := admin.do(t, http.MethodPost, path, object{"name": "A"}, "Idempotency-Key", "at once").want(t, http.StatusCreated)
	created := 0
	for _, a := range answers {
		if a.status == http.StatusCreated {
			created++
			assert.Equal(t, string(final.body), string(a.body))
		} else {
			a.want(t, http.StatusConflict).code(t, "in_progress")
		}
	}
	require.Positive(t, created)
	clients := admin.get(t, path).want(t, http.StatusOK).at(t, "objects").([]any)
	assert.Len(t, clients, 2, "the world's own, and one")
}
