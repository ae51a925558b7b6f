package integration

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gatehouse/gatehouse/client"
)

// app is an application, and itself at the API with one of its keys.
type app struct {
	id, key string
	caller
}

// newApp lets an operator create an application.
func (s *server) newApp(t *testing.T, scopes []string, manages ...object) app {
	t.Helper()

	made := s.operator(t).post(t, "/v1/applications", object{
		"name": "Shop", "scopes": append([]string{}, scopes...), "manages": append([]object{}, manages...),
	}).want(t, http.StatusCreated)
	return app{made.text(t, "application", "id"), made.text(t, "application", "keys", 0, "id"), caller{s, made.text(t, "secret")}}
}

func (a app) path() string { return "/v1/applications/" + a.id }

// rotated is the application with a further key.
func (a app) rotated(t *testing.T) app {
	t.Helper()

	made := a.server.operator(t).post(t, a.path()+"/keys", object{}).want(t, http.StatusCreated)
	return app{a.id, made.text(t, "key", "id"), caller{a.server, made.text(t, "secret")}}
}

// revoke is acknowledged when it returns.
func (a app) revoke(t *testing.T) {
	t.Helper()
	a.server.operator(t).delete(t, a.path()+"/keys/"+a.key).want(t, http.StatusNoContent)
}

// TestScopesOfApplications calls everything the API has with a key of each scope, and
// of none: what the contract gives that scope is answered, all else refused.
func TestScopesOfApplications(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "scopes")
	member := w.add(t, "project", w.email("member"), "project_member")
	check := question("project", w.id("project"), "view", object{"type": "user", "id": member})
	evaluation := object{
		"subject": object{"type": "user", "id": member}, "action": object{"name": "view"}, "resource": object{"type": "project", "id": w.id("project")},
	}
	bodies := map[string]any{
		"check": check, "explain": check, "checkBulk": object{"checks": []any{check}},
		"evaluate": evaluation, "evaluateMany": object{"evaluations": []any{evaluation}},
		"lookupResources": object{"resource_type": "project", "permission": "view", "subject": object{"type": "user", "id": member}},
		"lookupSubjects":  object{"resource": object{"type": "project", "id": w.id("project")}, "permission": "view", "subject_type": "user"},
		"searchSubjects":  object{"subject": object{"type": "user"}, "action": object{"name": "view"}, "resource": object{"type": "project", "id": w.id("project")}},
		"searchResources": object{"subject": object{"type": "user", "id": member}, "action": object{"name": "view"}, "resource": object{"type": "project"}},
		"searchActions":   object{"subject": object{"type": "user", "id": member}, "resource": object{"type": "project", "id": w.id("project")}},
	}
	here := object{"type": "project", "id": w.id("project")}
	apps := map[string]app{"manage_people": shared.newApp(t, nil, here, here)}
	for _, scope := range []string{"check", "lookup", "explain", "read_audit", "grpc_read", "grpc_write"} {
		apps[scope] = shared.newApp(t, []string{scope})
	}
	revoked := shared.newApp(t, []string{"check", "lookup", "explain", "read_audit"}, here)
	revoked.revoke(t)

	asked := map[string]int{}
	for template, item := range theContract().Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Security != nil {
				continue // open to everybody
			}
			scope, _ := operation.Extensions["x-scope"].(string)
			path := strings.NewReplacer("{collection}", "projects", "{id}", w.id("project"), "{user}", member, "{role}", "project_member", "{key}", "nothing").Replace(template)
			body := bodies[operation.OperationID]
			if body == nil && operation.RequestBody != nil {
				body = object{}
			}
			asks := bodies[operation.OperationID] != nil || operation.OperationID == "listAuditEvents"
			for held, a := range apps {
				got := a.do(t, method, path, body)
				switch {
				case scope == "":
					got.want(t, http.StatusForbidden).code(t, "not_for_applications")
				case scope == held && asks:
					got.want(t, http.StatusOK)
					asked[held]++
				case asks:
					assert.Equal(t, scope, got.want(t, http.StatusForbidden).text(t, "permission"), "%s with %s", operation.OperationID, held)
				case scope != held:
					assert.Contains(t, []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusBadRequest}, got.status, "%s with %s: %s", operation.OperationID, held, got.body)
				}
				for _, private := range []string{w.email("member"), "Kim", "Doe", w.email("admin"), "olga@"} {
					if held != "manage_people" {
						assert.NotContains(t, string(got.body), private, "%s with %s", operation.OperationID, held)
					}
				}
			}
			if got := revoked.do(t, method, path, body); got.status != http.StatusUnauthorized {
				t.Errorf("%s with a revoked key: %d %s", operation.OperationID, got.status, got.body)
			}
		}
	}
	assert.Equal(t, map[string]int{"check": 4, "lookup": 5, "explain": 1, "read_audit": 1}, asked)
}

// TestApplicationsAsk about anybody, and are nobody themselves.
func TestApplicationsAsk(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "apps-ask")
	member := w.add(t, "project", w.email("member"), "project_member")
	a := shared.newApp(t, []string{"check", "explain"})
	q := question("project", w.id("project"), "view", object{"type": "user", "id": member})

	assert.Equal(t, true, a.post(t, "/v1/check", q).want(t, http.StatusOK).at(t, "allowed"))
	await(t, "an answer from the cache", func() bool { return a.post(t, "/v1/check", q).text(t, "source") == "cache" })
	assert.Equal(t, false, a.post(t, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "email": w.email("nobody")})).want(t, http.StatusOK).at(t, "allowed"))

	other := shared.newApp(t, []string{"lookup"})
	assert.Equal(t, "check", other.post(t, "/v1/check", question("platform", "gatehouse", "lookup", object{"type": "application_key", "id": other.key})).
		want(t, http.StatusForbidden).text(t, "permission"), "nor about itself")
	assert.Equal(t, "check", other.post(t, "/access/v1/evaluation", object{
		"subject": object{"type": "none such", "id": "x"}, "action": object{"name": "x"}, "resource": object{"type": "x", "id": "x"},
	}).want(t, http.StatusForbidden).text(t, "permission"), "nor what makes no sense")

	for name, token := range map[string]string{
		"mistyped":        a.token[:len(a.token)-1] + "x",
		"unknown":         "gha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_ffffffff",
		"of a customer":   "ghk" + a.token[3:],
		"only its prefix": a.token[:12],
		"the id":          a.key,
	} {
		caller{shared, token}.post(t, "/v1/check", q).want(t, http.StatusUnauthorized).code(t, "unauthenticated")
		assert.NotEmpty(t, name)
	}
}

// TestApplicationsManagePeople of the objects that were named, and of nothing else.
func TestApplicationsManagePeople(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "apps-manage")
	for _, objectType := range []string{"project", "customer_account", "instance", "client", "partner"} {
		a := shared.newApp(t, nil, object{"type": objectType, "id": w.id(objectType)})
		role := map[string]string{
			"project": "project_member", "customer_account": "technical_contact", "instance": "instance_member", "client": "client_admin",
			"partner": "", // whose admins partner admins and operators appoint
		}[objectType]
		if role == "" {
			a.post(t, w.path(objectType)+"/members", named(w.email("helped"), "partner_admin")).want(t, http.StatusForbidden)
			a.get(t, w.path(objectType)+"/members").want(t, http.StatusOK)
			continue
		}
		who := a.post(t, w.path(objectType)+"/members", named(w.email("helped-"+objectType), role)).want(t, http.StatusCreated).text(t, "user", "id")
		assert.Contains(t, string(a.get(t, w.path(objectType)+"/members").want(t, http.StatusOK).body), who)
		a.delete(t, w.path(objectType)+"/members/"+who+"/roles/"+role).want(t, http.StatusNoContent)

		elsewhere := build(t, shared, "apps-elsewhere")
		a.get(t, elsewhere.path(objectType)+"/members").want(t, http.StatusNotFound)
		a.post(t, elsewhere.path(objectType)+"/members", named(w.email("x"), role)).want(t, http.StatusNotFound)
		a.post(t, w.path(objectType)+"/invitations", object{"email": w.email("x"), "roles": []string{role}}).
			want(t, http.StatusForbidden).code(t, "not_for_applications")
		await(t, "the audit", func() bool {
			events := shared.operator(t).get(t, "/v1/audit-events?actor=application_key:"+a.key)
			return strings.Contains(string(events.body), who)
		})
		a.revoke(t)
		a.post(t, w.path(objectType)+"/members", named(w.email("x"), role)).want(t, http.StatusUnauthorized)
	}
}

// TestKeysOfApplications come and go: two at most, each until it is revoked or ends,
// and the secret of none is anywhere but where it was shown.
func TestKeysOfApplications(t *testing.T) {
	t.Parallel()
	s := start(t)
	operator := s.operator(t)
	first := s.newApp(t, []string{"check"})
	q := question("platform", "gatehouse", "operate", object{"type": "user", "id": "x"})
	first.post(t, "/v1/check", q).want(t, http.StatusOK)

	second := first.rotated(t)
	second.post(t, "/v1/check", q).want(t, http.StatusOK)
	operator.post(t, first.path()+"/keys", object{}).want(t, http.StatusConflict).code(t, "two_keys")
	first.post(t, "/v1/check", q).want(t, http.StatusOK)
	first.revoke(t)
	for range 3 {
		first.post(t, "/v1/check", q).want(t, http.StatusUnauthorized)
		second.post(t, "/v1/check", q).want(t, http.StatusOK)
	}
	operator.delete(t, first.path()+"/keys/"+first.key).want(t, http.StatusNotFound)
	third := first.rotated(t)

	ends := time.Now().Add(2 * time.Second).Truncate(time.Second)
	short := operator.post(t, "/v1/applications", object{"name": "Short", "scopes": []string{"check"}, "expires_at": ends.Format(time.RFC3339)}).want(t, http.StatusCreated)
	brief := caller{s, short.text(t, "secret")}
	await(t, "the end of a key", func() bool {
		asked := time.Now()
		got := brief.post(t, "/v1/check", q)
		if got.status == http.StatusOK {
			assert.True(t, asked.Before(ends), "answered after its end")
		}
		return got.status == http.StatusUnauthorized
	})
	assert.False(t, time.Now().Before(ends), "ended early")

	listed := operator.get(t, "/v1/applications").want(t, http.StatusOK)
	assert.Contains(t, string(listed.body), second.token[:12])
	assert.NotContains(t, string(listed.body), first.key, "a revoked key is not listed")

	again := operator.do(t, http.MethodPost, first.path()+"/keys", object{}, "Idempotency-Key", "k")
	again.want(t, http.StatusConflict)
	third.revoke(t)
	made := operator.do(t, http.MethodPost, first.path()+"/keys", object{}, "Idempotency-Key", "k").want(t, http.StatusCreated)
	repeated := operator.do(t, http.MethodPost, first.path()+"/keys", object{}, "Idempotency-Key", "k").want(t, http.StatusCreated)
	assert.Equal(t, made.text(t, "key", "id"), repeated.text(t, "key", "id"))
	assert.NotContains(t, string(repeated.body), "gha_"+made.text(t, "secret")[4:], "shown once")

	operator.delete(t, first.path()).want(t, http.StatusNoContent)
	for _, token := range []string{second.token, made.text(t, "secret")} {
		caller{s, token}.post(t, "/v1/check", q).want(t, http.StatusUnauthorized)
	}
	operator.post(t, first.path()+"/keys", object{}).want(t, http.StatusNotFound)

	await(t, "the audit", func() bool {
		events := string(operator.get(t, "/v1/audit-events").body)
		return !slices.ContainsFunc([]string{"create_application", "create_application_key", "revoke_application_key", "revoke_application"},
			func(operation string) bool { return !strings.Contains(events, `"`+operation+`"`) })
	})
	events := operator.get(t, "/v1/audit-events")
	s.newApp(t, []string{"check"}).post(t, "/v1/check", q).want(t, http.StatusOK)
	require.NoError(t, s.stop())
	for _, secret := range []string{first.token, second.token, third.token, brief.token, made.text(t, "secret")} {
		hidden := secret[12:]
		assert.NotContains(t, s.stderr.String()+s.stdout.String(), hidden)
		assert.NotContains(t, string(events.body)+string(listed.body), hidden)
		require.NoError(t, filepath.WalkDir(s.dataDir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			assert.NotContains(t, string(text), hidden, path)
			return err
		}))
	}

	next := s.again(t)
	assert.Contains(t, string(next.operator(t).get(t, "/v1/applications").body), "last_used_at", "noted by now")
}

// TestApplicationsSignWhatTheyWrite: in the audit stands who wrote, whatever they say.
func TestApplicationsSignWhatTheyWrite(t *testing.T) {
	t.Parallel()
	w, writer := build(t, shared, "signed"), shared.newApp(t, []string{"grpc_write"})
	who := w.fresh()
	claimed, err := structpb.NewStruct(map[string]any{
		"operation": "delete_profile", "actor": "user:" + who, "reason": "because", "attempt": "1", "leaves": []any{"project:" + w.id("project")},
	})
	require.NoError(t, err)
	_, err = v1.NewPermissionsServiceClient(shared.dial(t, writer.token)).WriteRelationships(t.Context(), &v1.WriteRelationshipsRequest{
		Updates: []*v1.RelationshipUpdate{{Operation: v1.RelationshipUpdate_OPERATION_TOUCH, Relationship: &v1.Relationship{
			Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: w.id("project")}, Relation: "member",
			Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: who}},
		}}},
		OptionalTransactionMetadata: claimed,
	})
	require.NoError(t, err)
	e := shared.operator(t).event(t, "person="+who)
	assert.Equal(t, "outside", e.Operation)
	require.NotNil(t, e.Actor)
	assert.Equal(t, "application_key", e.Actor.Type)
	assert.Empty(t, e.Reason)
}

// TestApplicationsAtSpiceDBsOwnAPI reads with one scope, writes with another, and does
// neither once its key was revoked.
func TestApplicationsAtSpiceDBsOwnAPI(t *testing.T) {
	t.Parallel()
	reader, writer, neither := shared.newApp(t, []string{"grpc_read"}), shared.newApp(t, []string{"grpc_write"}), shared.newApp(t, []string{"check"})
	read, write := readCall(t), writeCall(t)
	others := map[string]func(*grpc.ClientConn) error{
		"WriteSchema": func(conn *grpc.ClientConn) error {
			_, err := v1.NewSchemaServiceClient(conn).WriteSchema(t.Context(), &v1.WriteSchemaRequest{Schema: "definition user {}"})
			return err
		},
		"Watch": func(conn *grpc.ClientConn) error {
			stream, err := v1.NewWatchServiceClient(conn).Watch(t.Context(), &v1.WatchRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"ImportBulkRelationships": func(conn *grpc.ClientConn) error {
			stream, err := v1.NewPermissionsServiceClient(conn).ImportBulkRelationships(t.Context())
			if err == nil {
				_, err = stream.CloseAndRecv()
			}
			return err
		},
	}
	for who, may := range map[app]struct{ read, write codes.Code }{
		reader:  {codes.OK, codes.PermissionDenied},
		writer:  {codes.OK, codes.OK},
		neither: {codes.PermissionDenied, codes.PermissionDenied},
	} {
		conn := shared.dial(t, who.token)
		assert.Equal(t, may.read, status.Code(read(conn)))
		assert.Equal(t, may.write, status.Code(write(conn)))
		for name, call := range others {
			assert.Equal(t, codes.PermissionDenied, status.Code(call(conn)), name)
		}
		if may.read == codes.OK {
			printed, err := say(t.Context(), "", zed, "permission", "check", "platform:gatehouse", "operate", "user:x",
				"--endpoint", shared.grpc, "--insecure", "--token", who.token, "--skip-version-check", "--log-level", "error")
			require.NoError(t, err)
			assert.Equal(t, "false", strings.TrimSpace(printed))
		}
		who.revoke(t)
		assert.Equal(t, codes.Unauthenticated, status.Code(read(conn)))
		assert.Equal(t, codes.Unauthenticated, status.Code(write(conn)))
	}
}

// TestCallsAreCounted like questions and requests, by the key of the application; whoever
// has the server's own key is not counted.
func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	s := start(t, "--limit-questions", "1", "--limit-requests", "3")
	one, other := s.dial(t, s.newApp(t, []string{"grpc_write"}).token), s.dial(t, s.newApp(t, []string{"grpc_write"}).token)
	read, write := readCall(t), writeCall(t)
	for range 3 {
		require.NoError(t, write(one))
	}
	assert.Equal(t, codes.ResourceExhausted, status.Code(write(one)))
	await(t, "too many questions", func() bool { return status.Code(read(one)) == codes.ResourceExhausted })
	require.NoError(t, read(other))
	require.NoError(t, write(other))
	own := s.dial(t, s.key)
	for range 10 {
		require.NoError(t, read(own))
		require.NoError(t, write(own))
	}
	await(t, "the next second", func() bool { return read(one) == nil })
}

// readCall asks SpiceDB's own API something.
func readCall(t *testing.T) func(*grpc.ClientConn) error {
	return func(conn *grpc.ClientConn) error {
		_, err := v1.NewPermissionsServiceClient(conn).CheckPermission(t.Context(), &v1.CheckPermissionRequest{
			Resource: &v1.ObjectReference{ObjectType: "platform", ObjectId: "gatehouse"}, Permission: "operate",
			Subject: &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "x"}},
		})
		return err
	}
}

// writeCall takes away what is not there.
func writeCall(t *testing.T) func(*grpc.ClientConn) error {
	return func(conn *grpc.ClientConn) error {
		_, err := v1.NewPermissionsServiceClient(conn).DeleteRelationships(t.Context(), &v1.DeleteRelationshipsRequest{
			RelationshipFilter: &v1.RelationshipFilter{ResourceType: "partner", OptionalResourceId: "none-such"},
		})
		return err
	}
}

// dial reaches SpiceDB's own API with a key.
func (s *server) dial(t *testing.T, key string) *grpc.ClientConn {
	t.Helper()

	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(preshared(key)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// revokedAtOnce asks both servers with a key, revokes it at one, and asks the other as
// soon as that was acknowledged.
func (r *replicas) revokedAtOnce(t *testing.T, servers []*server) {
	q := question("platform", "gatehouse", "operate", object{"type": "user", "id": "x"})
	a := servers[0].newApp(t, []string{"check"})
	for round := range rounds {
		revoking, asking := servers[round%2], servers[(round+1)%2]
		next := a.rotated(t)
		for range 2 {
			caller{asking, a.token}.post(t, "/v1/check", q).want(t, http.StatusOK)
			caller{asking, next.token}.post(t, "/v1/check", q).want(t, http.StatusOK)
		}
		app{a.id, a.key, caller{revoking, ""}}.revoke(t)
		caller{asking, a.token}.post(t, "/v1/check", q).want(t, http.StatusUnauthorized)
		caller{asking, next.token}.post(t, "/v1/check", q).want(t, http.StatusOK)
		a = next
	}
}

// TestApplicationsFromTheCommandLine are created, listed, rotated and revoked as an
// operator does it, and one asks with the client for Go.
func TestApplicationsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (string, error) {
		return say(t.Context(), "", "env", append([]string{"GATEHOUSE_TOKEN=" + shared.mint(t, "--email", "olga@operators.example", "--operator"), "GATEHOUSE_URL=" + shared.url, gatehouse, "app"}, args...)...)
	}
	printed, err := run("create", "From afar", "--scope", "check,lookup", "--expires-in", "1h")
	require.NoError(t, err)
	asks, err := client.New(client.Config{URL: shared.url, Token: client.StaticToken(strings.TrimSpace(printed))})
	require.NoError(t, err)
	q := client.Check{Resource: client.Object{Type: "platform", ID: "gatehouse"}, Permission: "operate", Subject: client.User("x")}
	decision, err := asks.Check(t.Context(), q)
	require.NoError(t, err)
	assert.False(t, decision.Allowed)

	var id string
	for _, a := range shared.operator(t).get(t, "/v1/applications?limit=1000").at(t, "applications").([]any) {
		if a := a.(map[string]any); a["name"] == "From afar" {
			id = a["id"].(string)
		}
	}
	second, err := run("rotate", id)
	require.NoError(t, err)
	listed, err := run("list")
	require.NoError(t, err)
	for _, secret := range []string{printed, second} {
		assert.Contains(t, listed, secret[:12])
		assert.NotContains(t, listed, strings.TrimSpace(secret))
	}
	_, err = run("rotate", id)
	require.ErrorContains(t, err, "two_keys")
	_, err = run("revoke", id)
	require.NoError(t, err)
	_, err = asks.Check(t.Context(), q)
	require.ErrorIs(t, err, client.ErrUnauthenticated)
}

// TestApplicationsAreRefusedWhatIsNotOffered before anything of them is kept.
func TestApplicationsAreRefusedWhatIsNotOffered(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "apps-refused")
	for code, body := range map[string]object{
		"unknown_scope":       {"name": "A", "scopes": []string{"operate"}},
		"scope_required":      {"name": "A"},
		"invalid_name":        {"name": " ", "scopes": []string{"check"}},
		"invalid_time":        {"name": "A", "scopes": []string{"check"}, "expires_at": "2020-01-01T00:00:00Z"},
		"not_manageable":      {"name": "A", "manages": []object{{"type": "platform", "id": "gatehouse"}}},
		"malformed_reference": {"name": "A", "manages": []object{{"type": "project", "id": "!"}}},
	} {
		shared.operator(t).post(t, "/v1/applications", body).want(t, http.StatusUnprocessableEntity).code(t, code)
	}
	shared.operator(t).post(t, "/v1/applications", object{"name": "A", "manages": []object{{"type": "project", "id": "none-such"}}}).want(t, http.StatusNotFound)
	w.admin(t, "partner").post(t, "/v1/applications", object{"name": "A", "scopes": []string{"check"}}).want(t, http.StatusForbidden)
	w.admin(t, "partner").get(t, "/v1/applications").want(t, http.StatusForbidden)
}
