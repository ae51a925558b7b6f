package integration

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/database/postgrestest"
	"github.com/gatehouse/gatehouse/internal/relationships"
	"github.com/gatehouse/gatehouse/schema"
)

// replicas are servers that stand on one SpiceDB and one directory.
type replicas struct {
	spicedb   *separate
	postgres  *postgrestest.Cluster // of the directory alone
	directory string                // its URL
	devKey    string
	mails     *mailServer
	flags     []string
}

func stand(t *testing.T) *replicas {
	t.Helper()
	r := &replicas{devKey: filepath.Join(t.TempDir(), "shared.pem")}
	relationships := startPostgres(t)
	r.postgres = startPostgres(t)
	r.spicedb = startSpiceDB(t, relationships.Database(t))
	r.directory = r.postgres.Database(t)
	r.mails, r.flags = receive(t)
	r.flags = append(r.flags, "--dev", "--dev-key-file", r.devKey, "--grpc-addr", "", "--audit-digest-interval", "1s",
		"--spicedb-endpoint", r.spicedb.address, "--spicedb-key", r.spicedb.key, "--directory-url", r.directory)
	return r
}

// start runs servers that start at once.
func (r *replicas) start(t *testing.T, n int) []*server {
	t.Helper()
	servers, faults := make([]*server, n), make([]error, n)
	var starting sync.WaitGroup
	for i := range n {
		dir := filepath.Join(t.TempDir(), "data")
		starting.Go(func() { servers[i], faults[i] = serve(dir, r.flags...) })
	}
	starting.Wait()
	for i, s := range servers {
		require.NoError(t, faults[i])
		s.devKey = r.devKey
		t.Cleanup(func() { require.NoError(t, s.stop()) })
	}
	return servers
}

// turn awaits the one of the servers that follows changes, and returns it first.
func turn(t *testing.T, servers ...*server) (whose *server, others []*server) {
	t.Helper()
	await(t, "somebody's turn", func() bool {
		whose, others = nil, nil
		for _, s := range servers {
			if strings.Contains(s.stderr.String(), `msg="this server's turn"`) {
				whose = s
			} else {
				others = append(others, s)
			}
		}
		return whose != nil
	})
	return whose, others
}

// TestReplicas has servers start at once on an empty SpiceDB and an empty directory,
// and treats them ever worse.
func TestReplicas(t *testing.T) {
	t.Parallel()
	r := stand(t)
	servers := r.start(t, 2)
	w := build(t, servers[0], "replicas")

	t.Run("every change is seen at once by the other", func(t *testing.T) { r.seenAtOnce(t, w, servers[1]) })
	t.Run("a revoked key is refused at once by the other", func(t *testing.T) { r.revokedAtOnce(t, servers) })
	t.Run("each change is audited once and each mail sent once", func(t *testing.T) { r.derivedOnce(t, w, servers[1]) })
	keys := []string{"--public-key", filepath.Join(servers[0].dataDir, "audit-key.pem"), "--public-key", filepath.Join(servers[1].dataDir, "audit-key.pem")}
	t.Run("another takes over from one that is killed", func(t *testing.T) { servers = r.takenOver(t, w, servers) })
	t.Run("what both recorded is one chain, which both signed", func(t *testing.T) { r.oneChain(t, keys) })
	w.server = servers[0]
	t.Run("without SpiceDB nobody is allowed", func(t *testing.T) { r.withoutSpiceDB(t, w) })
	t.Run("without the directory nobody is allowed", func(t *testing.T) { r.withoutDirectory(t, w) })
	t.Run("one that cannot stand says why", func(t *testing.T) { r.refusals(t) })
}

const (
	hands  = 4  // that give and take at once
	rounds = 15 // of each
)

// seenAtOnce gives and takes roles on one server, and checks on another as soon as
// that was acknowledged.
func (r *replicas) seenAtOnce(t *testing.T, w world, other *server) {
	busy, stop := context.WithCancel(t.Context())
	var noise, working sync.WaitGroup
	for range 4 { // others who look make stale looks likely, because SpiceDB lets them be shared
		noise.Go(func() {
			for busy.Err() == nil {
				_, _ = v1.NewPermissionsServiceClient(r.spicedb.conn).CheckPermission(busy, &v1.CheckPermissionRequest{
					Consistency: now, Permission: "read",
					Resource: &v1.ObjectReference{ObjectType: "user", ObjectId: "nobody"},
					Subject:  &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "nobody"}},
				})
			}
		})
	}
	asks := caller{other, w.server.mint(t, "--email", w.email("admin"))}
	admin := w.admin(t, "project")
	for hand := range hands {
		email := w.email(fmt.Sprintf("hand-%d", hand))
		id := w.add(t, "project", email, "project_member")
		q := question("project", w.id("project"), "view", object{"type": "user", "id": id})
		working.Go(func() {
			for round := range rounds {
				if !assert.Equal(t, true, asks.post(t, "/v1/check", q).at(t, "allowed"), "hand %d, round %d", hand, round) {
					return
				}
				admin.delete(t, w.path("project")+"/members/"+id+"/roles/project_member").want(t, http.StatusNoContent)
				if !assert.Equal(t, false, asks.post(t, "/v1/check", q).at(t, "allowed"), "hand %d, round %d", hand, round) {
					return
				}
				a := admin.post(t, w.path("project")+"/members", named(email, "project_member"))
				assert.Less(t, a.status, 300, "%s", a.body)
			}
		})
	}
	working.Wait()
	stop()
	noise.Wait()
}

// derivedOnce counts what came of all that.
func (r *replicas) derivedOnce(t *testing.T, w world, other *server) {
	operator := caller{other, w.server.mint(t, "--email", "olga@operators.example", "--operator")}
	query := "object=project:" + w.id("project")
	var all []event
	count := func(operation string) (n int) {
		for _, e := range all {
			if e.Operation == operation {
				n++
			}
		}
		return n
	}
	await(t, "the audit", func() bool {
		all = operator.events(t, query)
		return count("add") >= hands*(rounds+1) && count("end_role") >= hands*rounds
	})
	moments, told := map[string]bool{}, map[string]bool{}
	for _, e := range all {
		moments[e.WrittenAt] = true
		for _, u := range e.Updates {
			assert.NotEqual(t, "gatehouse", u.Resource.Type, "beats are nobody's doing")
		}
		told[e.Operation] = true
	}
	assert.Equal(t, hands*(rounds+1), count("add"), "%v", told)
	assert.Equal(t, hands*rounds, count("end_role"))
	assert.Len(t, moments, len(all))

	admin := w.admin(t, "project")
	var invited []string
	for n := range 10 {
		invited = append(invited, w.email(fmt.Sprint("ina-", n)))
		admin.post(t, w.path("project")+"/invitations", object{"email": invited[n]}).want(t, http.StatusCreated)
	}
	r.mailed(t, invited)
}

// mailed awaits a mail to each, and no second.
func (r *replicas) mailed(t *testing.T, invited []string) {
	t.Helper()
	for _, email := range invited {
		await(t, "the mail to "+email, func() bool { return len(to(r.mails.letters(), email)) > 0 })
	}
	for _, email := range invited {
		assert.Len(t, to(r.mails.letters(), email), 1)
	}
}

// oneChain verifies the audit with the keys of all servers, and of too few.
func (r *replicas) oneChain(t *testing.T, keys []string) {
	await(t, "a digest of all", func() bool {
		said := verifies(t, append(keys, "--directory-url", r.directory)...)
		return strings.Contains(said, "digests are signed") && !strings.Contains(said, "not covered yet")
	})
	for _, some := range [][]string{keys[:2], keys[2:]} {
		_, err := say(t.Context(), "", gatehouse, append([]string{"audit", "verify", "--directory-url", r.directory}, some...)...)
		require.ErrorContains(t, err, "unknown key")
	}
}

// takenOver kills the server that follows changes, and returns those that serve then.
func (r *replicas) takenOver(t *testing.T, w world, servers []*server) []*server {
	leader, others := turn(t, servers...)
	require.Len(t, others, 1, "one at a time")
	next := others[0]
	require.NoError(t, leader.kill())
	killed := time.Now()
	admin := caller{next, w.server.mint(t, "--email", w.email("admin"))}
	invited := []string{w.email("ida"), w.email("ivo")}
	for _, email := range invited {
		admin.post(t, w.path("project")+"/invitations", object{"email": email}).want(t, http.StatusCreated)
	}
	turn(t, next)
	assert.Less(t, time.Since(killed), 15*time.Second)
	r.mailed(t, invited)
	operator := caller{next, w.server.mint(t, "--email", "olga@operators.example", "--operator")}
	query := "operation=invite&object=project:" + w.id("project")
	await(t, "the audit", func() bool { return len(operator.events(t, query)) >= 12 })
	assert.Len(t, operator.events(t, query), 12)
	return append([]*server{next}, r.start(t, 1)...)
}

// withoutSpiceDB kills SpiceDB, and then only stops its clock.
func (r *replicas) withoutSpiceDB(t *testing.T, w world) {
	allowed := w.viewer(t)
	require.NoError(t, r.spicedb.kill())
	unavailable(t, allowed)
	r.spicedb.run(t)
	recovers(t, allowed)

	require.NoError(t, r.spicedb.command.Process.Signal(syscall.SIGSTOP))
	begun := time.Now()
	unavailable(t, allowed)
	assert.Less(t, time.Since(begun), 30*time.Second)
	require.NoError(t, r.spicedb.command.Process.Signal(syscall.SIGCONT))
	recovers(t, allowed)
}

// withoutDirectory lets the directory's Postgres fail.
func (r *replicas) withoutDirectory(t *testing.T, w world) {
	allowed := w.viewer(t)
	require.NoError(t, r.postgres.Pause())
	// For some seconds it is known who asks, and what they ask SpiceDB answers.
	await(t, "a look at whose token it is", func() bool { return allowed().status != http.StatusOK })
	unavailable(t, allowed)
	require.NoError(t, r.postgres.Resume())
	recovers(t, allowed)
	invited := []string{w.email("after")}
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": invited[0]}).want(t, http.StatusCreated)
	r.mailed(t, invited)
}

// viewer asks whether somebody may view the project, who may.
func (w world) viewer(t *testing.T) func() answer {
	t.Helper()
	id := w.add(t, "project", w.email(w.fresh()), "project_member")
	ask := func() answer {
		return w.admin(t, "project").post(t, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "id": id}))
	}
	require.Equal(t, true, ask().at(t, "allowed"))
	return ask
}

func unavailable(t *testing.T, ask func() answer) {
	t.Helper()
	for range 3 {
		ask().want(t, http.StatusServiceUnavailable).code(t, "unavailable")
	}
}

// recovers fails unless the right answer comes within five seconds.
func recovers(t *testing.T, ask func() answer) {
	t.Helper()
	begun := time.Now()
	await(t, "recovery", func() bool {
		a := ask()
		if a.status != http.StatusOK {
			a.want(t, http.StatusServiceUnavailable)
			return false
		}
		require.Equal(t, true, a.at(t, "allowed"))
		return true
	})
	took := time.Since(begun)
	t.Logf("recovered after %s", took)
	assert.Less(t, took, 5*time.Second)
}

// refusals start servers that have nothing to stand on.
func (r *replicas) refusals(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"nobody at the endpoint": {[]string{"--spicedb-endpoint", freeAddress()}, "SpiceDB cannot be reached"},
		"another key":            {[]string{"--spicedb-key", "another-preshared-key"}, "SpiceDB refused"},
		"no TLS there":           {[]string{"--spicedb-endpoint", strings.Replace(r.spicedb.address, "127.0.0.1", "0.0.0.0", 1)}, "SpiceDB cannot be reached"},
		"no authorities":         {[]string{"--spicedb-ca-file", filepath.Join(t.TempDir(), "missing.pem")}, "missing.pem"},
		"nobody at the URL":      {[]string{"--directory-url", "postgres://postgres:secret@" + freeAddress() + "/gatehouse"}, "directory-url"},
		"no such database":       {[]string{"--directory-url", strings.Replace(r.directory, "/test_", "/no_", 1)}, "does not exist"},
		"a port of its own":      {[]string{"--grpc-addr", "127.0.0.1:0"}, "grpc-addr is of the SpiceDB in this process"},
		"in memory":              {[]string{"--in-memory"}, "in-memory and spicedb-endpoint exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			said := refuses(t, t.TempDir(), nil, append(append([]string{"--http-addr", "127.0.0.1:0"}, r.flags...), c.flags...)...)
			assert.Contains(t, said, c.says)
			assert.NotContains(t, said, "secret")
		})
	}
}

// TestReplicasAskAtExactMoments takes a role and asks over another connection at
// once, while many others look: SpiceDB lets those who want to know the newest share
// one look, and whoever joins it late is told what was before.
func TestReplicasAskAtExactMoments(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)
	s := startSpiceDB(t, postgres.Database(t))
	conn, err := relationships.Dial(s.address, s.key, "", true, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	moments := relationships.NewMoments(conn)
	gateway := relationships.New(s.conn, moments.Head)
	require.NoError(t, gateway.ApplySchema(t.Context(), schema.Text))

	busy, stop := context.WithCancel(t.Context())
	var noise sync.WaitGroup
	t.Cleanup(func() {
		stop()
		noise.Wait()
	})
	for range 8 {
		noise.Go(func() {
			for busy.Err() == nil {
				_, _ = v1.NewPermissionsServiceClient(s.conn).CheckPermission(busy, &v1.CheckPermissionRequest{
					Consistency: now, Permission: "member",
					Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: "apollo"},
					Subject:  &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "nobody"}},
				})
			}
		})
	}
	role := access.Relate(access.Object{Type: access.TypeProject, ID: "apollo"}, "member", access.User("ann"))
	asked := access.Check{Resource: role.Resource, Permission: "view", Subject: role.Subject}
	stale := 0
	for n := range 600 {
		var w access.Write
		given := n%2 == 0
		if given {
			w.Touch(role)
		} else {
			w.Delete(role)
		}
		_, err := gateway.Write(t.Context(), w)
		require.NoError(t, err)
		told, err := moments.Check(t.Context(), asked)
		require.NoError(t, err)
		if told.Allowed != given {
			stale++
		}
	}
	assert.Zero(t, stale)
}
