package integration

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// TestReplicasShareACache has two servers on one SpiceDB, one directory and one Redis
// answer from what either has computed, and never from what no longer holds.
func TestReplicasShareACache(t *testing.T) {
	t.Parallel()
	r, redis := stand(t), redistest.Start(t)
	r.flags = append(r.flags, "--redis-url", "redis://"+redis.Address())
	servers := r.start(t, 2)
	w := build(t, servers[0], "shared")
	admin := w.admin(t, "project")
	other := caller{servers[1], servers[0].mint(t, "--email", w.email("admin"))}
	email := w.email("ann")
	ann := w.add(t, "project", email, "project_member")
	q := question("project", w.id("project"), "view", object{"type": "user", "id": ann})

	kept := func() {
		t.Helper()
		await(t, "an answer of one server that the other computed", func() bool {
			return admin.post(t, "/v1/check", q).at(t, "source") == "cache" && other.post(t, "/v1/check", q).at(t, "source") == "cache"
		})
	}
	allowed := func(by caller) any {
		t.Helper()
		return by.post(t, "/v1/check", q).want(t, http.StatusOK).at(t, "allowed")
	}
	takeAndGive := func() {
		t.Helper()
		admin.delete(t, w.path("project")+"/members/"+ann+"/roles/project_member").want(t, http.StatusNoContent)
		assert.Equal(t, false, allowed(other), "at once on the other")
		admin.post(t, w.path("project")+"/members", named(email, "project_member")).want(t, http.StatusCreated)
		assert.Equal(t, true, allowed(other), "at once on the other")
	}

	kept()
	assert.Equal(t, true, allowed(other))
	for range 20 {
		takeAndGive()
	}
	t.Run("what other tools change", func(t *testing.T) {
		kept()
		_, err := v1.NewPermissionsServiceClient(r.spicedb.conn).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{
			Updates: []*v1.RelationshipUpdate{{
				Operation:    v1.RelationshipUpdate_OPERATION_DELETE,
				Relationship: touch("project", w.id("project"), "member", "user", ann, time.Time{}).Relationship,
			}},
		})
		require.NoError(t, err)
		written := time.Now()
		await(t, "the change", func() bool { return allowed(admin) == false && allowed(other) == false })
		assert.Less(t, time.Since(written), 3*time.Second)
		admin.post(t, w.path("project")+"/members", named(email, "project_member")).want(t, http.StatusCreated)
	})
	t.Run("without Redis every answer is computed", func(t *testing.T) {
		kept()
		redis.Kill()
		assert.Equal(t, "spicedb", other.post(t, "/v1/check", q).want(t, http.StatusOK).at(t, "source"))
		takeAndGive()
		assert.Contains(t, string(page(t, servers[1], "/readyz").body), `"cache":"bypassed"`)
		redis.Restart()
		kept()
		takeAndGive()
	})
	t.Run("nothing of the servers' own shows", func(t *testing.T) {
		assert.NotContains(t, string(servers[0].operator(t).get(t, "/v1/audit-events").want(t, http.StatusOK).body), "pulse")
	})
}

// TestEmbeddedServersDoNotShareARedis: each has a SpiceDB of its own.
func TestEmbeddedServersDoNotShareARedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	url := "redis://" + redis.Address()
	s := start(t, "--redis-url", url)
	w := build(t, s, "alone")
	q := question("project", w.id("project"), "view", object{"type": "user", "email": w.email("admin")})
	await(t, "an answer out of Redis", func() bool { return w.admin(t, "project").post(t, "/v1/check", q).at(t, "source") == "cache" })

	_, err := serve(filepath.Join(t.TempDir(), "data"), "--dev", "--redis-url", url)
	require.ErrorContains(t, err, "another server with an embedded SpiceDB keeps its cache in this Redis")
}
