package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// trio are three servers that share a SpiceDB, a directory and a Redis, as whoever
// asks about the people of a project sees them.
type trio struct {
	*replicas
	world
	by [3]caller

	checks, kept, revocations atomic.Int64
}

func (s *trio) asked(person string) object {
	return question("project", s.id("project"), "view", object{"type": "user", "id": person})
}

// allowed is what a server answers. One that has no answer is asked again.
func (s *trio) allowed(t *testing.T, by caller, person string) bool {
	t.Helper()
	a := by.post(t, "/v1/check", s.asked(person))
	for a.status == http.StatusServiceUnavailable {
		a = by.post(t, "/v1/check", s.asked(person))
	}
	a.want(t, http.StatusOK)
	s.checks.Add(1)
	if a.at(t, "source") == "cache" {
		s.kept.Add(1)
	}
	return a.at(t, "allowed").(bool)
}

func (s *trio) any() caller { return s.by[rand.N(len(s.by))] }

// TestReplicasNeverAnswerStale gives and takes roles through any of three servers,
// and asks all of them as soon as that was acknowledged, while others ask all along.
// It measures, so it runs alone.
func TestReplicasNeverAnswerStale(t *testing.T) {
	s, redis := &trio{replicas: stand(t)}, redistest.Start(t)
	s.flags = append(s.flags, "--redis-url", "redis://"+redis.Address())
	servers := s.start(t, len(s.by))
	s.world = build(t, servers[0], "stale")
	for n, server := range servers {
		s.by[n] = caller{server, servers[0].mint(t, "--email", s.email("admin"))}
	}
	hunted, err := time.ParseDuration(cmp.Or(os.Getenv("GATEHOUSE_TEST_HUNT"), "5s"))
	require.NoError(t, err)
	t.Run("what servers write is seen at once", func(t *testing.T) { s.hunt(t, hunted) })
	t.Run("what other tools write is seen soon", func(t *testing.T) { s.otherTools(t) })
}

// enough revocations are to be seen, however busy the machine is.
const enough = 20

func (s *trio) hunt(t *testing.T, d time.Duration) {
	until := time.Now().Add(d)
	busy, stop := context.WithCancel(t.Context())
	var working, asking sync.WaitGroup
	people := map[string]string{}
	for n := range 6 {
		email := s.email(fmt.Sprint("hunted-", n))
		people[email] = s.add(t, "project", email, "project_member")
	}
	for email, person := range people {
		asking.Go(func() {
			for busy.Err() == nil {
				s.allowed(t, s.any(), person) // whatever it is
			}
		})
		working.Go(func() {
			for !t.Failed() && (time.Now().Before(until) || s.revocations.Load() < enough) {
				// What is not acknowledged may have happened, or not.
				if a := s.any().delete(t, s.path("project")+"/members/"+person+"/roles/project_member"); a.status == http.StatusNoContent {
					s.revocations.Add(1)
					s.all(t, person, false)
				} else {
					assert.Contains(t, []int{http.StatusServiceUnavailable, http.StatusNotFound}, a.status, "%s", a.body)
				}
				if a := s.any().post(t, s.path("project")+"/members", named(email, "project_member")); a.status < 300 {
					s.all(t, person, true)
				} else {
					assert.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
				}
			}
		})
	}
	working.Wait()
	stop()
	asking.Wait()
	t.Logf("%d checks, %d of them from the cache, %d revocations", s.checks.Load(), s.kept.Load(), s.revocations.Load())
	assert.Positive(t, s.kept.Load())
}

// all asks every server, twice: what they compute, and what they keep of it.
func (s *trio) all(t *testing.T, person string, want bool) {
	for range 2 {
		for n, by := range s.by {
			assert.Equal(t, want, s.allowed(t, by, person), "of server %d", n)
		}
	}
}

// otherTools writes to SpiceDB as zed does, and asks every server until it knows. What
// counts is when the last check began that did not.
func (s *trio) otherTools(t *testing.T) {
	person := s.add(t, "project", s.email("otto"), "project_member")
	role := touch("project", s.id("project"), "member", "user", person, time.Time{}).Relationship
	var waits []time.Duration
	for n := range 100 {
		for _, by := range s.by {
			await(t, "an answer to keep", func() bool {
				before := s.kept.Load()
				s.allowed(t, by, person)
				return s.kept.Load() > before
			})
		}
		want, update := n%2 == 1, &v1.RelationshipUpdate{Operation: v1.RelationshipUpdate_OPERATION_DELETE, Relationship: role}
		if want {
			update.Operation = v1.RelationshipUpdate_OPERATION_TOUCH
		}
		_, err := v1.NewPermissionsServiceClient(s.spicedb.conn).WriteRelationships(t.Context(),
			&v1.WriteRelationshipsRequest{Updates: []*v1.RelationshipUpdate{update}})
		require.NoError(t, err)
		written := time.Now()
		var last [len(s.by)]time.Duration
		var knowing sync.WaitGroup
		for n, by := range s.by {
			knowing.Go(func() {
				for asked := time.Now(); s.allowed(t, by, person) != want; asked = time.Now() {
					last[n] = asked.Sub(written)
				}
			})
		}
		knowing.Wait()
		waits = append(waits, slices.Max(last[:]))
	}
	slices.Sort(waits)
	t.Logf("known everywhere after %s, 99 of 100 after %s, all after %s", waits[50], waits[98], waits[99])
	assert.Less(t, waits[98], time.Second)
	assert.Less(t, waits[99], 3*time.Second)
}
