package client_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/client"
)

func TestCheck(t *testing.T) {
	gatehouse := connect(t)
	for _, c := range []client.Consistency{{}, client.FullyConsistent()} {
		yes, no := may, mayNot
		yes.Consistency, no.Consistency = c, c
		d, err := gatehouse.Check(t.Context(), yes)
		require.NoError(t, err)
		assert.True(t, d.Allowed)
		assert.NotEmpty(t, d.CheckedAt)
		assert.Contains(t, []string{"spicedb", "cache"}, d.Source)

		d, err = gatehouse.Check(t.Context(), no)
		require.NoError(t, err)
		assert.False(t, d.Allowed)
		assert.NotEmpty(t, d.CheckedAt)
	}
}

// TestFreshnessIsAskedFor shows that consistency reaches the server: only there a
// token is found out to be none.
func TestFreshnessIsAskedFor(t *testing.T) {
	q := may
	q.Consistency = client.AtLeastAsFresh("no token")
	_, err := connect(t).Check(t.Context(), q)
	var e *client.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "malformed_token", e.Code)

	q.Consistency.FullyConsistent = true
	_, err = connect(t).Check(t.Context(), q)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "malformed_consistency", e.Code)
}

func TestEveryoneIsNobodysID(t *testing.T) {
	q := may
	q.Subject = client.User("*")
	_, err := connect(t).Check(t.Context(), q)
	require.Error(t, err)
}

func TestRequire(t *testing.T) {
	gatehouse := connect(t)
	require.NoError(t, gatehouse.Require(t.Context(), may))

	err := gatehouse.Require(t.Context(), mayNot)
	require.ErrorIs(t, err, client.ErrDenied)
	var denied *client.DeniedError
	require.ErrorAs(t, err, &denied)
	assert.Equal(t, mayNot, denied.Check)
	assert.EqualError(t, err, "gatehouse: denied: user:uma.patel@globex.example administer project:discovery")
	assert.NotErrorIs(t, err, client.ErrUnavailable)
}

func TestBulkKeepsTheOrder(t *testing.T) {
	p := between(t)
	questions := make([]client.Check, 1500)
	for i := range questions {
		questions[i] = may
		if i%3 == 0 {
			questions[i] = mayNot
		}
	}
	questions[1001].Permission = "levitate"
	patient := func(c *client.Config) { c.URL, c.Timeout = p.url, time.Minute } // the machine may be busy
	answers, err := connect(t, patient).Bulk(t.Context(), questions)
	require.NoError(t, err)
	require.Len(t, answers, len(questions))
	for i, a := range answers {
		if i == 1001 {
			var e *client.Error
			require.ErrorAs(t, a.Err, &e)
			assert.Equal(t, "unknown_permission", e.Code)
			assert.False(t, a.Allowed)
			continue
		}
		require.NoError(t, a.Err)
		require.Equal(t, i%3 != 0, a.Allowed, "question %d", i)
	}
	assert.EqualValues(t, 2, p.requests.Load(), "a thousand questions a request")

	none, err := connect(t, at(p.url)).Bulk(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestLookupsWalkThroughPages(t *testing.T) {
	p := between(t)
	gatehouse := connect(t, at(p.url))
	resources := func(size int) (found []client.Object) {
		for o, err := range gatehouse.LookupResources(t.Context(), client.ResourceQuery{ResourceType: "project", Permission: "view", Subject: paula, PageSize: size}) {
			require.NoError(t, err)
			found = append(found, o)
		}
		return found
	}
	subjects := func(size int) (found []client.Object) {
		for o, err := range gatehouse.LookupSubjects(t.Context(), client.SubjectQuery{Resource: discovery, Permission: "view", SubjectType: "user", PageSize: size}) {
			require.NoError(t, err)
			found = append(found, o)
		}
		return found
	}
	assert.Equal(t, []client.Object{{Type: "project", ID: "audit"}, discovery, {Type: "project", ID: "patents"}}, resources(1))
	assert.EqualValues(t, 3, p.requests.Swap(0))
	assert.Equal(t, resources(1), resources(0))

	p.requests.Store(0)
	some := subjects(2)
	assert.Len(t, some, 4, "the partner's, the client's and the project's admin, and uma")
	assert.EqualValues(t, 2, p.requests.Load())
	assert.Equal(t, some, subjects(0))
}

func TestLookupsAskNoFurtherThanTheLoop(t *testing.T) {
	p := between(t)
	for _, err := range connect(t, at(p.url)).LookupResources(t.Context(), client.ResourceQuery{ResourceType: "project", Permission: "view", Subject: paula, PageSize: 1}) {
		require.NoError(t, err)
		break
	}
	assert.EqualValues(t, 1, p.requests.Load())
}

func TestLookupsEndWithTheirError(t *testing.T) {
	var errs []error
	for o, err := range connect(t).LookupResources(t.Context(), client.ResourceQuery{ResourceType: "project", Permission: "levitate", Subject: paula}) {
		assert.Zero(t, o)
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "unknown_permission")
}

// TestErrors tells apart what a program does about them.
func TestErrors(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		client func(*client.Config)
		ask    client.Check // may, unless told otherwise
		is     []error
		code   string
		status int
	}{
		"a token that is none": {
			client: func(c *client.Config) { c.Token = client.StaticToken("none") },
			is:     []error{client.ErrUnauthenticated}, code: "unauthenticated", status: http.StatusUnauthorized,
		},
		"no token": {
			client: func(c *client.Config) {
				c.Token = func(context.Context) (string, error) { return "", errNoToken }
			},
			is: []error{client.ErrUnauthenticated, errNoToken}, code: client.CodeNoToken,
		},
		"asking about another": {
			client: func(c *client.Config) { c.Token = client.StaticToken(tokenOf(t, "uma.patel@globex.example")) },
			ask:    client.Check{Resource: discovery, Permission: "view", Subject: paula},
			is:     []error{client.ErrForbidden}, code: "forbidden", status: http.StatusForbidden,
		},
		"asking about what one may not know of": {
			client: func(c *client.Config) { c.Token = client.StaticToken(tokenOf(t, "stranger@example.org")) },
			is:     []error{client.ErrForbidden}, code: "not_found", status: http.StatusNotFound,
		},
		"nobody there": {
			client: at("http://127.0.0.1:1"),
			is:     []error{client.ErrUnavailable}, code: client.CodeUnreachable,
		},
		"the caller left": {
			ctx: ended,
			is:  []error{context.Canceled}, code: client.CodeUnreachable,
		},
		"no time": {
			client: func(c *client.Config) { c.URL, c.Timeout, c.Attempts = between(t, stall).url, 1, 1 },
			is:     []error{client.ErrUnavailable, context.DeadlineExceeded}, code: client.CodeUnreachable,
		},
		"no Gatehouse": {
			client: at(serverURL + "/docs"),
			code:   "method_not_allowed", status: http.StatusMethodNotAllowed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.client == nil {
				c.client = func(*client.Config) {}
			}
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			d, err := connect(t, c.client).Check(c.ctx, cmp.Or(c.ask, may))
			assert.Zero(t, d)
			var e *client.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.status, e.Status)
			assert.NotEmpty(t, e.RequestID)
			for _, kind := range []error{client.ErrDenied, client.ErrUnauthenticated, client.ErrForbidden, client.ErrUnavailable, context.Canceled, context.DeadlineExceeded, errNoToken} {
				assert.Equal(t, slices.Contains(c.is, kind), errors.Is(err, kind), "%v is %v", err, kind)
			}
		})
	}
}

var errNoToken = errors.New("the issuer of tokens is down")

func TestForbiddenNamesThePermission(t *testing.T) {
	gatehouse := connect(t, func(c *client.Config) { c.Token = client.StaticToken(tokenOf(t, "uma.patel@globex.example")) })
	_, err := gatehouse.Check(t.Context(), client.Check{Resource: discovery, Permission: "view", Subject: paula})
	var e *client.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "manage_people", e.Permission)
}

// TestWhatIsNoAnswerAllowsNothing, and is no deny either.
func TestWhatIsNoAnswerAllowsNothing(t *testing.T) {
	for _, body := range []string{``, `{}`, `{"allowed":null}`, `{"allowed":"true"}`, `{"allowed":1}`, `<html>`, `{"allowed":true`, `[]`} {
		err := connect(t, at(between(t, says(body)).url)).Require(t.Context(), may)
		var e *client.Error
		require.ErrorAs(t, err, &e, "%s", body)
		assert.Equal(t, client.CodeUnreadable, e.Code)
	}
	for _, body := range []string{`{}`, `{"results":[]}`, `{"results":[{"allowed":true},{"allowed":true}]}`} {
		_, err := connect(t, at(between(t, says(body)).url)).Bulk(t.Context(), []client.Check{may})
		assert.ErrorContains(t, err, client.CodeUnreadable, "%s", body)
	}
	answers, err := connect(t, at(between(t, says(`{"results":[{}]}`)).url)).Bulk(t.Context(), []client.Check{may})
	require.NoError(t, err)
	assert.Error(t, answers[0].Err)
}

func TestConfigIsValidated(t *testing.T) {
	source := client.StaticToken("t")
	for _, c := range []client.Config{
		{},
		{URL: "gatehouse.example", Token: source},
		{URL: "ftp://gatehouse.example", Token: source},
		{URL: "https://", Token: source},
		{URL: "https://user:secret@gatehouse.example", Token: source},
		{URL: "https://gatehouse.example?a=b", Token: source},
		{URL: "https://gatehouse.example"},
		{URL: "https://gatehouse.example", Token: source, Attempts: -1},
	} {
		_, err := client.New(c)
		assert.Error(t, err, "%+v", c)
	}
}

// TestDefaultsAreNotSent: servers refuse fields they do not know, and a consistency
// that asks for nothing is better not there.
func TestDefaultsAreNotSent(t *testing.T) {
	text, err := json.Marshal(may)
	require.NoError(t, err)
	assert.JSONEq(t, `{"resource":{"type":"project","id":"discovery"},"permission":"view","subject":{"type":"user","email":"uma.patel@globex.example"}}`, string(text))
}
