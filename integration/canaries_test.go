package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/authzed/authzed-go/proto/authzed/api/v1"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// canaries are secrets that nothing else resembles. Wherever one turns up, it leaked.
type canaries struct {
	mu    sync.Mutex
	known map[string]string // what each is
}

func newCanaries() *canaries { return &canaries{known: map[string]string{}} }

// new is another secret.
func (c *canaries) new(what string) string { return c.keep(what, "canary"+rand.Text()) }

// keep has a secret of the server's be one.
func (c *canaries) keep(what, secret string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[secret] = what
	return secret
}

// token keeps the part of a token that makes it one: anybody may read the rest.
func (c *canaries) token(what, token string) string {
	c.keep(what, token[strings.LastIndexByte(token, '.')+1:])
	return token
}

// absent insists that no secret is in a text, in any form in which it is commonly written.
func (c *canaries) absent(t *testing.T, place, text string) {
	t.Helper()
	require.NotEmpty(t, text, place)
	c.mu.Lock()
	defer c.mu.Unlock()
	for secret, what := range c.known {
		for _, form := range forms(secret) {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%s is in %s: …%q…", what, place, text[max(0, at-80):min(len(text), at+len(form)+20)])
				break
			}
		}
	}
}

// forms are a text as it is, in hexadecimal digits, and within anything that is in base64.
func forms(text string) []string {
	all := []string{text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text)))}
	for before := range 3 { // letters from where it begins to where it ends, whatever stands beside it
		whole := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{0}, before), text...))
		inner := whole[(before*8+5)/6 : len(whole)-4]
		all = append(all, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
	}
	return all
}

// TestCanariesAreFound wherever they are, or the tests below could not fail.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	secret := "canary" + rand.Text()
	for before := range 4 {
		around := strings.Repeat("x", before) + secret + "yy"
		for _, text := range []string{around, fmt.Sprintf("%x", around), fmt.Sprintf("%X", around), base64.StdEncoding.EncodeToString([]byte(around)), base64.RawURLEncoding.EncodeToString([]byte(around))} {
			found := false
			for _, form := range forms(secret) {
				found = found || strings.Contains(text, form)
			}
			assert.True(t, found, text)
		}
	}
}

// guardedMail is a mail server that wants a password, and repeats in its refusals
// whatever else it is shown.
type guardedMail struct {
	mailServer
	mu       sync.Mutex
	password string
}

func (g *guardedMail) wants(password string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.password = password
}

func (g *guardedMail) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &guardedSession{mailSession{server: &g.mailServer}, g}, nil
}

type guardedSession struct {
	mailSession
	guard *guardedMail
}

func (*guardedSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *guardedSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		s.guard.mu.Lock()
		defer s.guard.mu.Unlock()
		if password != s.guard.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such password: " + password}
		}
		return nil
	}), nil
}

// receiveGuarded runs one over TLS, and returns flags that lead there.
func receiveGuarded(t *testing.T) (*guardedMail, []string) {
	t.Helper()
	ca := newAuthority(t)
	ca.renew(t)
	shown, err := tls.LoadX509KeyPair(ca.path("cert.pem"), ca.path("key.pem"))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &guardedMail{}
	server := smtp.NewServer(g)
	server.Domain = "mail.example"
	go func() {
		_ = server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{shown}}))
	}()
	t.Cleanup(func() { _ = server.Close() })
	return g, []string{"--smtp-addr", listener.Addr().String(), "--smtp-tls", "tls", "--smtp-ca-file", ca.path("authority.pem"), "--smtp-timeout", "2s", "--smtp-user", "gatehouse"}
}

// sealed is a key of an application that looks as good as one; whose is it?
func sealed(text string) string {
	text = "gha_" + text
	return fmt.Sprintf("%s_%08x", text, crc32.ChecksumIEEE([]byte(text)))
}

// spill shows a server secrets in every way there is, and returns what it said where it
// refused.
func (c *canaries) spill(t *testing.T, w world, path string) string {
	t.Helper()
	s := w.server
	var said strings.Builder
	send := func(by caller, method, path string, body any, headers ...string) {
		t.Helper()
		request, _, err := by.request(method, path, body, headers...)
		require.NoError(t, err)
		a, err := s.exchange(request)
		require.NoError(t, err)
		if a.status >= http.StatusBadRequest {
			_, _ = fmt.Fprintf(&said, "%s\n%v\n", a.body, a.header)
		}
	}
	known, nobody := w.admin(t, "project"), s.nobody()
	c.token("an access token", known.token)

	// Whoever calls, and with what.
	key := devKey(t, s)
	for what, token := range map[string]string{
		"no token":                          c.new("what is no token"),
		"a token in three parts":            "e30.e30." + c.new("the signature of a token that is none"),
		"an expired token":                  c.token("an expired token", sign(t, key, claims(jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix(), "secret": c.new("a claim of an expired token")}))),
		"a forged token":                    c.token("a forged token", signWith(t, jwt.SigningMethodHS256, []byte("any"), claims(jwt.MapClaims{"secret": c.new("a claim of a forged token")}))),
		"a token for another":               c.token("a token for another", sign(t, key, claims(jwt.MapClaims{"aud": "another"}))),
		"a token of an unknown issuer":      c.token("a token of an unknown issuer", sign(t, key, claims(jwt.MapClaims{"iss": "https://login.example/" + c.new("an issuer's path")}))),
		"a key that is none":                "gha_" + c.new("a key of an application that is none"),
		"a key that looks well":             c.keep("a key of an application that looks well", sealed(base64.RawURLEncoding.EncodeToString([]byte(rand.Text()+"123456")))),
		"a token that is too long":          strings.Repeat("x", 10_000) + c.new("a token that is too long"),
		"a key of a customer account, made": c.keep("an API key that is none", "ghk_"+rand.Text()),
	} {
		require.NotEmpty(t, token, what)
		for _, route := range []string{"/v1/me", "/v1/partners", "/v1/audit-events"} {
			send(caller{s, token}, http.MethodGet, route, nil)
		}
		send(caller{s, token}, http.MethodPost, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "id": "ann"}))
	}
	basic := base64.StdEncoding.EncodeToString([]byte("ann:" + c.new("a password")))
	send(nobody, http.MethodGet, "/v1/me", nil, "Authorization", "Basic "+c.keep("a password as it is sent", basic))
	send(nobody, http.MethodGet, "/v1/me", nil, "Authorization", c.new("an Authorization without a scheme"))

	// Keys that are shown once.
	app := s.newApp(t, []string{"check", "grpc_read"})
	c.keep("the key of an application", app.token[len("gha_")+8:]) // its beginning is shown in lists
	send(app.caller, http.MethodPost, "/v1/check", question("project", w.id("project"), "view", object{"type": "user", "id": "ann"}))
	send(app.caller, http.MethodGet, "/v1/partners", nil)
	app.revoke(t)
	send(app.caller, http.MethodGet, "/v1/me", nil)
	account := w.admin(t, "customer_account")
	made := account.do(t, http.MethodPost, w.path("customer_account")+"/api-keys", object{"name": "Key"}, "Idempotency-Key", c.new("an Idempotency-Key")).want(t, http.StatusCreated)
	send(caller{s, c.keep("an API key", made.text(t, "secret"))}, http.MethodGet, "/v1/me", nil)

	// Queries, headers and paths.
	query := url.Values{"access_token": {c.new("a token in a query")}, "token": {c.new("an invitation's token in a query")}, "cursor": {c.new("a cursor")}}.Encode()
	for _, route := range []string{"/v1/me", "/v1/partners", path, "/v1/nothing", "/invitations/accept", "/docs/", "/healthz", "/metrics"} {
		send(known, http.MethodGet, route+"?"+query, nil)
		send(nobody, http.MethodGet, route+"?"+query, nil)
	}
	send(nobody, http.MethodGet, "/"+c.new("a path that leads nowhere"), nil)
	send(nobody, http.MethodDelete, "/v1/me/"+c.new("a path that leads nowhere in the API"), nil)
	for _, header := range []string{"Cookie", "X-Api-Key", "Proxy-Authorization", "X-Forwarded-For", "Referer", "User-Agent", "Baggage", "X-Auth-Token", "Origin"} {
		send(known, http.MethodGet, "/v1/me", nil, header, "session="+c.new("the header "+header))
	}
	send(known, http.MethodGet, "/v1/me", nil, "X-Request-ID", "id="+c.new("an X-Request-ID that is none"))
	send(known, http.MethodGet, "/v1/me", nil, "traceparent", c.new("a traceparent that is none"))
	send(known, http.MethodGet, "/v1/me", nil, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate", "vendor="+c.new("a tracestate"))
	send(known, http.MethodPost, path+"/invitations", object{"email": "none"}, "Idempotency-Key", c.new("the Idempotency-Key of a refused request"))
	send(known, http.MethodPost, path+"/invitations", object{"email": "none"}, "Idempotency-Key", strings.Repeat("x", 300)+c.new("an Idempotency-Key that is too long"))
	send(known, http.MethodPost, path+"/invitations", object{"email": "none"}, "Gatehouse-Reason", strings.Repeat("x", 600)+c.new("a reason that is too long"))
	send(known, c.new("a method"), "/v1/me", nil)

	// Bodies that are amiss.
	for _, route := range []string{"/v1/invitations/accept", path + "/invitations", path + "/members", "/v1/check", "/v1/check/bulk", "/access/v1/evaluation"} {
		for _, body := range []string{
			`{"token":"` + c.new("a body that is cut off"),
			`{"token":["` + c.new("a value of the wrong type") + `"]}`,
			`{"email":{"a":"` + c.new("an object for an address") + `"}}`,
			`{"email":"` + c.new("what is no address") + `"}`,
			`{"email":"a@b.example","email":"` + c.new("a field that is repeated") + `"}`,
			`{"secret":"` + c.new("the value of an unknown field") + `"}`,
			`"` + c.new("a text for a body") + `"`,
			c.new("a body that is no JSON"),
			`{"token":"` + c.new("a body that is no UTF-8") + "\xff\"}",
			`{"token":"` + c.new("a body that goes on") + `"} more`,
			`{"token":"` + strings.Repeat("x", 2<<20) + c.new("a body that is too large") + `"}`,
		} {
			send(known, http.MethodPost, route, body)
			send(known, http.MethodPost, route, body, "Idempotency-Key", c.new("the Idempotency-Key of a body that is amiss"))
			send(nobody, http.MethodPost, route, body)
		}
		send(known, http.MethodPost, route, "password="+c.new("a form"), "Content-Type", "application/x-www-form-urlencoded")
	}
	send(known, http.MethodPost, "/v1/invitations/accept", object{"token": c.new("an invitation's token that is none")})
	return said.String()
}

// invite has somebody invited, and accept; the token is in their mail, and nowhere else.
func (c *canaries) invite(t *testing.T, w world, mails func() []letter) {
	t.Helper()
	email := w.email("ina")
	w.admin(t, "project").do(t, http.MethodPost, w.path("project")+"/invitations", object{"email": email}, "Idempotency-Key", c.new("the Idempotency-Key of an invitation")).want(t, http.StatusCreated)
	await(t, "the mail", func() bool { return len(to(mails(), email)) > 0 })
	_, token := to(mails(), email)[0].link(t)
	c.keep("the token of an invitation", token)
	page(t, w.server, "/invitations/accept?token="+token)
	w.server.as(t, w.email("eve")).post(t, "/v1/invitations/accept", object{"token": token})
	w.server.as(t, email).post(t, "/v1/invitations/accept", object{"token": token}).want(t, http.StatusCreated)
	w.server.as(t, email).post(t, "/v1/invitations/accept", object{"token": token})
}

// everywhere looks at all that a server shows, in the end.
func (c *canaries) everywhere(t *testing.T, s *server, traces *collector, refusals string, audit ...string) {
	t.Helper()
	c.absent(t, "what it refuses", refusals)
	c.absent(t, "its metrics", string(page(t, s, "/metrics").body))
	operator := s.operator(t)
	await(t, "the audit", func() bool { return len(operator.events(t, "operation=accept_invitation")) > 0 })
	var events strings.Builder
	for _, e := range operator.events(t, "") {
		_, _ = fmt.Fprintf(&events, "%+v\n", e)
	}
	c.absent(t, "the audit's events", events.String())
	c.absent(t, "the mails that were asked for", string(operator.get(t, "/v1/mails?limit=1000").want(t, http.StatusOK).body))
	exported, err := say(t.Context(), "", gatehouse, append([]string{"audit", "export"}, audit...)...)
	require.NoError(t, err)
	c.absent(t, "the exported audit", exported)
	await(t, "the traces", func() bool { return strings.Contains(traces.text(), "/v1/invitations/accept") })
	c.absent(t, "its traces", traces.text())
}

// said is all that a server prints.
func (s *server) said() string { return s.stdout.String() + s.stderr.String() }

// TestSecretsStayOutOfEverything: servers on a SpiceDB, a Postgres, a Redis and a mail
// server that all want secrets, which are shown others by whoever calls. None is in
// what they log, measure, trace, answer, record or keep.
//
// What is kept by design is no secret: of keys and of tokens of invitations a hash, of
// Idempotency-Keys one too, of mails what they are about. The text of a mail is made
// when it is sent, and is nowhere but with the mail server.
func TestSecretsStayOutOfEverything(t *testing.T) {
	t.Parallel()
	c := newCanaries()
	postgres := startPostgres(t)
	kept := postgres.Database(t)
	spicedb := startSpiceDBWith(t, kept, c.new("SpiceDB's preshared key"))
	directory := postgres.Login(t, "keeper", c.new("the password of Postgres"))
	cache := redistest.Start(t)
	cache.Do("ACL", "SETUSER", "keeper", "on", ">"+c.new("the password of Redis"), "~*", "&*", "+@all")
	mails, smtpFlags := receiveGuarded(t)
	traces, variables := collect(t, false)
	password := c.new("the password of the mail server")

	devKey := filepath.Join(t.TempDir(), "shared.pem")
	variables = append(variables,
		"GATEHOUSE_SPICEDB_KEY="+spicedb.key, "GATEHOUSE_DIRECTORY_URL="+directory,
		"GATEHOUSE_REDIS_URL=redis://keeper:"+c.secret("the password of Redis")+"@"+cache.Address(), "GATEHOUSE_SMTP_PASSWORD="+password,
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20"+c.new("the key of a collector")+","+c.new("a header that is none"))
	s, err := program{gatehouse, variables}.serve(filepath.Join(t.TempDir(), "data"), append(smtpFlags, "--dev", "--dev-key-file", devKey, "--grpc-addr", "",
		"--log-level", "debug", "--spicedb-endpoint", spicedb.address)...)
	require.NoError(t, err)
	s.devKey = devKey
	t.Cleanup(func() { require.NoError(t, s.stop()) })

	w := build(t, s, "canaries")
	refusals := c.spill(t, w, w.path("project"))
	w.admin(t, "project").post(t, w.path("project")+"/invitations", object{"email": w.email("ida")}).want(t, http.StatusCreated)
	await(t, "a mail that is not taken", func() bool { return strings.Contains(s.stderr.String(), "mail not sent, trying again") })
	mails.wants(password)
	c.invite(t, w, mails.letters)
	c.everywhere(t, s, traces, refusals, "--directory-url", directory)

	c.absent(t, "the directory", tables(t, directory))
	c.absent(t, "SpiceDB's database", tables(t, kept))
	c.absent(t, "Redis", values(t, cache.Address()))
	all := filepath.Join(t.TempDir(), "all")
	_, err = say(t.Context(), "", gatehouse, "export", all, "--spicedb-endpoint", spicedb.address, "--spicedb-key", spicedb.key, "--directory-url", directory)
	require.NoError(t, err)
	packed, err := os.Open(all)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, packed.Close()) })
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	exported, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.True(t, strings.Contains(string(exported), w.id("project")))
	c.absent(t, "an export", string(exported))

	// Whatever it stands on fails.
	cache.Kill()
	require.NoError(t, postgres.Pause())
	require.NoError(t, spicedb.kill())
	for _, email := range []string{"ann", "eve", "ina"} {
		answer, err := s.as(t, w.email(email)).try(http.MethodPost, w.path("project")+"/invitations", object{"email": w.email("ivo")})
		require.NoError(t, err)
		c.absent(t, "what it refuses when all fails", string(answer.want(t, http.StatusServiceUnavailable).body))
	}
	require.NoError(t, postgres.Resume())
	require.NoError(t, s.stop())
	c.absent(t, "its log", s.said())
	for _, wanted := range []string{"msg=request ", "an access token was refused", "request failed", "OpenTelemetry cannot do as its variables say"} {
		assert.Contains(t, s.said(), wanted, "it logs all it can")
	}
}

// secret is one of which it is known what it is.
func (c *canaries) secret(what string) string {
	for secret, is := range c.known {
		if is == what {
			return secret
		}
	}
	return ""
}

// tables are all rows of all tables of a database.
func tables(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT format('SELECT t::text FROM %I.%I t', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	require.NoError(t, err)
	reads, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var all strings.Builder
	for _, read := range reads {
		rows, err := conn.Query(t.Context(), read)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all.WriteString(read + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return all.String()
}

// values are all keys of a Redis and what they hold.
func values(t *testing.T, address string) string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer func() { _ = client.Close() }()
	var all strings.Builder
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	for _, key := range keys {
		value, err := client.Get(t.Context(), key).Result()
		require.True(t, err == nil || err == redis.Nil, "%s is no text: %v", key, err) // it may have ended
		all.WriteString(key + " " + value + "\n")
	}
	return all.String()
}

// TestSecretsStayOutOfTheFile of a server that keeps everything itself, to which people
// come from an OpenID provider, and programs by gRPC.
//
// In its folder, by design, are its own keys, and in the outbox the mails themselves:
// there is no mail server to give them to.
func TestSecretsStayOutOfTheFile(t *testing.T) {
	t.Parallel()
	c := newCanaries()
	p := newProvider(t, "")
	p.knows("otto", verified("otto@login.example"))
	traces, variables := collect(t, true)
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	require.NoError(t, os.WriteFile(authorities, testAuthority(), 0o600))
	dir := filepath.Join(t.TempDir(), "data")
	key := c.new("the key of the gRPC API")
	s, err := program{gatehouse, append(variables, "GATEHOUSE_GRPC_KEY="+key)}.serve(dir, "--dev", "--log-level", "debug",
		"--oidc-issuers", p.URL+"="+audience, "--oidc-ca-file", authorities)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	await(t, "the provider's keys", func() bool { return strings.Contains(s.stderr.String(), "the keys of a login provider are known") })

	w := build(t, s, "canaries")
	access, id := p.signIn(t, "otto")
	caller{s, c.token("an access token of a provider", access)}.get(t, "/v1/me").want(t, http.StatusOK)
	caller{s, c.token("an ID token", id)}.get(t, "/v1/me").want(t, http.StatusOK)
	forged := c.token("a token that names another key", signNamed(t, jwt.SigningMethodRS256, c.new("the id of a key"), p.signingKey().made, p.claims(jwt.MapClaims{"secret": c.new("a claim")})))
	refused := caller{s, forged}.get(t, "/v1/me").want(t, http.StatusUnauthorized)

	app := s.newApp(t, []string{"grpc_read"})
	c.keep("the key of an application", app.token[len("gha_")+8:])
	refusals := string(refused.body)
	for _, shown := range []string{key, app.token, c.new("a wrong key for the gRPC API"), "gha_" + c.new("the key of an application that is none")} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent(callersTrace), "cookie", c.new("metadata"))
		_, err := v1.NewPermissionsServiceClient(s.dial(t, shown)).CheckPermission(ctx, &v1.CheckPermissionRequest{
			Consistency: now, Permission: "view",
			Resource: &v1.ObjectReference{ObjectType: "project", ObjectId: w.id("project")},
			Subject:  &v1.SubjectReference{Object: &v1.ObjectReference{ObjectType: "user", ObjectId: "nobody"}},
		})
		refusals += fmt.Sprintln(err)
	}
	refusals += c.spill(t, w, w.path("project"))
	c.invite(t, w, func() []letter { return s.letters(t) })
	c.everywhere(t, s, traces, refusals, "--data-dir", dir)
	require.NoError(t, s.stop())
	c.absent(t, "its log", s.said())
	c.absent(t, "its folder", files(t, dir, "outbox", "dev-key.pem", "audit-key.pem"))
}

// files is what is in the files below a folder, but for some.
func files(t *testing.T, dir string, but ...string) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, name := range but {
			if d.Name() == name {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
		}
		if d.IsDir() {
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		_, err = io.Copy(&all, file)
		return err
	}))
	return all.String()
}
