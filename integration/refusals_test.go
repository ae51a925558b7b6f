package integration

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allScopes are those that the contract gives anything to, and those of SpiceDB's own API.
var allScopes = []string{"check", "lookup", "explain", "read_audit", "grpc_read", "grpc_write"}

// TestEveryRouteRefuses makes a good request to every operation of the contract with
// every credential that is no good for it. Each is refused for what is wrong with the
// credential, in the same words whether or not there is what the request is about, and
// nothing is written. What people are refused who are signed in,
// TestEveryoneMayDoWhatTheRulesSay shows.
func TestEveryRouteRefuses(t *testing.T) {
	t.Parallel()
	p, other := newProvider(t, ""), newProvider(t, "")
	s := start(t, append(trusting(t, p, other), "--operators", "mallory@forgers.example")...)
	w := build(t, s, "refused")
	here := object{"type": "project", "id": build(t, s, "foreign").id("project")}

	tokens := forgeries(t, p, other)
	revoked := s.newApp(t, allScopes, object{"type": "partner", "id": w.id("partner")})
	revoked.revoke(t)
	tokens["revoked key of an application"] = revoked.token
	ends := time.Now().Add(5 * time.Second).Truncate(time.Second)
	tokens["expired key of an application"] = s.operator(t).post(t, "/v1/applications", object{
		"name": "Brief", "scopes": allScopes, "expires_at": ends.Format(time.RFC3339),
	}).want(t, http.StatusCreated).text(t, "secret")
	tokens["mistyped key of an application"] = revoked.token[:len(revoked.token)-1] + "x"
	tokens["unknown key of an application"] = "gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_ffffffff"
	without := map[string]app{"manage_people": s.newApp(t, allScopes, here)} // of another tenant
	for _, scope := range allScopes {
		without[scope] = s.newApp(t, slices.DeleteFunc(slices.Clone(allScopes), func(s string) bool { return s == scope }), object{"type": "partner", "id": w.id("partner")})
	}

	attempts := map[string]attempt{"deleteMe": {method: http.MethodDelete, path: "/v1/me", id: "-", user: "-"}}
	for _, r := range rules() {
		if _, made := attempts[r.operation]; !made || r.objectType == "project" { // which is not for everybody to know of
			attempts[r.operation] = w.attempt(t, r)
		}
	}
	time.Sleep(time.Until(ends))

	events, mails := s.settled(t, w)
	relationships, records := s.relationships(t), s.records(t)
	tried := 0
	for _, item := range theContract().Paths.Map() {
		for _, operation := range item.Operations() {
			attempt, ok := attempts[operation.OperationID]
			if !assert.True(t, ok, "no attempt at %s", operation.OperationID) || operation.Security != nil {
				continue
			}
			tried++
			scope, _ := operation.Extensions["x-scope"].(string)
			t.Run(operation.OperationID, func(t *testing.T) {
				for name, token := range tokens {
					want := verdict{http.StatusUnauthorized, "unauthenticated", ""}
					if name == "expired" {
						want.code = "token_expired"
					}
					got := attempt.refused(t, caller{s, token}, want)
					assert.NotEmpty(t, got.header.Get("WWW-Authenticate"))
					assert.NotContains(t, string(got.body), "forgers", "a refusal repeats nothing of a token")
				}
				switch scope {
				case "":
					attempt.refused(t, without["check"].caller, verdict{http.StatusForbidden, "not_for_applications", ""})
				case "manage_people":
					attempt.refused(t, without[scope].caller, verdict{http.StatusNotFound, "not_found", ""})
				default:
					attempt.refused(t, without[scope].caller, verdict{http.StatusForbidden, "forbidden", scope})
				}
			})
		}
	}
	assert.Greater(t, tried, 60, "operations were tried")
	assert.Equal(t, relationships, s.relationships(t))
	assert.Equal(t, records, s.records(t))
	eventsNow, mailsNow := s.settled(t, w)
	assert.Equal(t, events+1, eventsNow, "events are but the one that was awaited")
	assert.Equal(t, mails+1, mailsNow, "mails are but the one that was awaited")

	caller{s, p.sign(t, p.claims(nil))}.post(t, "/v1/partners", object{"name": "A"}).want(t, http.StatusCreated) // had it not been forged
}

// refused makes the attempt, and makes it on what does not exist, and about a person
// who does not: all are refused alike.
func (a attempt) refused(t *testing.T, c caller, want verdict) answer {
	t.Helper()

	got := a.by(t, c)
	require.Equal(t, want, got.verdict(t), "%s", got.body)
	for _, real := range []string{a.id, a.user} {
		if real != "" && real != "gatehouse" { // there is one platform, as everybody knows
			nothing := a
			nothing.path, nothing.body = strings.ReplaceAll(a.path, real, ghost), strings.ReplaceAll(a.body, real, ghost)
			require.Equal(t, nothing.by(t, c).about(ghost), got.about(real))
		}
	}
	return got
}

// settled sends an invitation, and counts events and mails once they tell of it: what
// came before, they have told of by then.
func (s *server) settled(t *testing.T, w world) (events, mails int) {
	t.Helper()

	invited, operator := w.email(w.fresh()), s.operator(t)
	id := operator.post(t, w.path("project")+"/invitations", object{"email": invited}).want(t, http.StatusCreated).text(t, "invitation", "id")
	s.letter(t, invited)
	await(t, "the audit", func() bool {
		all := operator.events(t, "")
		events = len(all)
		return strings.Contains(strings.Join(all[0].texts(), " "), id)
	})
	return events, len(s.mails(t))
}
