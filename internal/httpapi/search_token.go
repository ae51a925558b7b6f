package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/gatehouse/gatehouse/internal/access"
)

// searched is what a search is for.
type searched string

const (
	subjects  searched = "subjects"
	resources searched = "resources"
	actions   searched = "actions"
)

// search is what a page token holds: all that was asked, so that the token alone
// continues it, and how far the answer has come. Nobody is trusted for their
// token: whoever continues a search must be allowed to begin it.
type search struct {
	For   searched      `json:"for"`
	Asked SearchRequest `json:"asked"`
	After string        `json:"after,omitempty"` // cursor of the page

	question question // that was asked
}

// searchFor reads a request and its page token. What comes with a token must be
// what the search began with.
// Errors: Malformed (invalid_limit, malformed_page_token, changed_search).
func searchFor(what searched, r SearchRequest) (search, error) {
	token := r.Page.Token
	r = r.without(what)
	if limit := r.Page.Limit; limit != nil && *limit < 0 {
		return search{}, access.Fail(access.Malformed, "invalid_limit", "limit must not be negative")
	}
	if token == "" {
		return search{For: what, Asked: r.limited()}, nil
	}
	begun, err := readToken(token)
	if err != nil || begun.For != what || begun.Asked.Page.Limit == nil || *begun.Asked.Page.Limit < 0 {
		return search{}, access.Fail(access.Malformed, "malformed_page_token", "this token does not continue a search for %s", what)
	}
	if !begun.Asked.equal(begun.Asked.with(r)) {
		return search{}, access.Fail(access.Malformed, "changed_search", "a token continues what the search began with, and nothing else")
	}
	return begun, nil
}

// without drops what is ignored, and the token.
func (r SearchRequest) without(what searched) SearchRequest {
	r.Page.Token = ""
	switch {
	case what == subjects && r.Subject != nil:
		r.Subject = &Entity{Type: r.Subject.Type, Properties: r.Subject.Properties}
	case what == resources && r.Resource != nil:
		r.Resource = &Entity{Type: r.Resource.Type, Properties: r.Resource.Properties}
	case what == actions:
		r.Action = nil
	}
	return r
}

func (r SearchRequest) limited() SearchRequest {
	if r.Page.Limit == nil {
		limit := defaultLimit
		r.Page.Limit = &limit
	}
	return r
}

// with replaces whatever another request says.
func (r SearchRequest) with(other SearchRequest) SearchRequest {
	if other.Subject != nil {
		r.Subject = other.Subject
	}
	if other.Action != nil {
		r.Action = other.Action
	}
	if other.Resource != nil {
		r.Resource = other.Resource
	}
	if other.Context != nil {
		r.Context = other.Context
	}
	if other.Page.Limit != nil {
		r.Page.Limit = other.Page.Limit
	}
	return r
}

// equal compares what two requests say, in whatever order they say it.
func (r SearchRequest) equal(other SearchRequest) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func (s search) token() string {
	text, _ := json.Marshal(s) // it was read from JSON
	return base64.RawURLEncoding.EncodeToString(text)
}

func readToken(token string) (s search, err error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}
