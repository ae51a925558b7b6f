package integration

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/cache/redisstore/redistest"
)

// publicURL is where people reach whichever replica there is.
const publicURL = "https://gatehouse.example"

// production are two replicas as they are meant to run: every connection but that to
// Postgres is encrypted, Redis and SpiceDB want a password, mails go through a mail
// server, and nobody gets in who did not sign in at the OpenID provider.
type production struct {
	*authority
	*provider
	one, other *server
	spicedb    *separate
	mails      *mailServer
	directory  string   // its URL
	auditKeys  []string // flags with the public key of each replica
}

func produce(t *testing.T, operators string) *production {
	t.Helper()

	p := &production{authority: newAuthority(t), provider: newProvider(t, "")}
	p.renew(t)
	relationships := startPostgres(t)
	p.spicedb = startSpiceDBOverTLS(t, relationships.Database(t), p.authority)
	directory := startPostgres(t)
	p.directory = directory.Database(t)
	password := rand.Text()
	redis := redistest.StartSecured(t, p.path("cert.pem"), p.path("key.pem"), p.trusting(), password)
	mails, mailAddress := receiveOver(t, p.showing(t))
	p.mails = mails
	require.NoError(t, os.WriteFile(p.path("provider.pem"), testAuthority(), 0o600))

	start := func() *server {
		data := filepath.Join(t.TempDir(), "data")
		s, err := program{gatehouse, []string{
			"SSL_CERT_FILE=" + p.path("authority.pem"), // which is whom this machine trusts: Redis is found by it
			"GATEHOUSE_SPICEDB_KEY=" + p.spicedb.key,
			"GATEHOUSE_DIRECTORY_URL=" + p.directory,
			"GATEHOUSE_REDIS_URL=rediss://:" + password + "@" + redis.Address(),
		}}.serve(data, "--public-url", publicURL, "--tls-cert-file", p.path("cert.pem"), "--tls-key-file", p.path("key.pem"),
			"--oidc-issuers", p.URL+"="+audience, "--oidc-ca-file", p.path("provider.pem"), "--operators", operators,
			"--spicedb-endpoint", p.spicedb.address, "--spicedb-ca-file", p.path("authority.pem"), "--grpc-addr", "",
			"--smtp-addr", mailAddress, "--smtp-ca-file", p.path("authority.pem"), "--audit-digest-interval", "1s")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.stop()) })
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(s.stderr.String())
			}
		})
		s.client.Transport = &http.Transport{TLSClientConfig: p.trusting(), ForceAttemptHTTP2: true}
		p.auditKeys = append(p.auditKeys, "--public-key", filepath.Join(data, "audit-key.pem"))
		return s
	}
	p.one, p.other = start(), start()
	return p
}

// TestReplicasFromLoginToAudit follows one role through everything there is: who
// gives it signs in, invites, who gets it signs in and accepts, may and may no more,
// and the audit has it all, signed.
func TestReplicasFromLoginToAudit(t *testing.T) {
	t.Parallel()
	p := produce(t, "olga@operators.example")
	for name, email := range map[string]string{"olga": "olga@operators.example", "ann": "ann@paper.example", "ben": "ben@paper.example"} {
		p.knows(name, verified(email))
	}
	for _, replica := range []*server{p.one, p.other} {
		require.True(t, strings.HasPrefix(replica.url, "https://"), replica.url)
		await(t, "the cache", func() bool { return strings.Contains(string(page(t, replica, "/readyz").body), `"cache":"ok"`) })
		caller{server: replica}.get(t, "/v1/me").want(t, http.StatusUnauthorized)
	}

	olga := p.at(t, p.one, "olga")
	olga.post(t, "/v1/instances", object{"id": "paper", "name": "Paper"}).want(t, http.StatusCreated)
	olga.post(t, "/v1/instances/paper/members", named("ann@paper.example", "company_admin")).want(t, http.StatusCreated)
	ann := p.at(t, p.one, "ann")
	annID := ann.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")

	// Ann invites Ben on one replica, and he accepts on the other.
	ann.post(t, "/v1/instances/paper/invitations", object{"email": "ben@paper.example", "roles": []string{"instance_member"}}).want(t, http.StatusCreated)
	await(t, "the invitation", func() bool { return len(to(p.mails.letters(), "ben@paper.example")) > 0 })
	address, invitation := to(p.mails.letters(), "ben@paper.example")[0].link(t)
	assert.True(t, strings.HasPrefix(address, publicURL), address)
	ben := p.at(t, p.other, "ben")
	benID := ben.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
	may := question("instance", "paper", "edit_inventory", object{"type": "user", "id": benID})
	check := func() answer { t.Helper(); return ann.post(t, "/v1/check", may).want(t, http.StatusOK) }
	require.Equal(t, false, check().at(t, "allowed"), "not before he accepts")
	ben.post(t, "/v1/invitations/accept", object{"token": invitation}).want(t, http.StatusCreated)

	// He may at once, and it is remembered; no longer as soon as his role has ended.
	assert.Equal(t, true, check().at(t, "allowed"))
	await(t, "an answer that is remembered", func() bool { return check().at(t, "source") == "cache" })
	assert.Equal(t, true, check().at(t, "allowed"))
	assert.Equal(t, "true", p.zedSays(t, "instance:paper", "edit_inventory", "user:"+benID))
	caller{p.other, ann.token}.delete(t, "/v1/instances/paper/members/"+benID+"/roles/instance_member").want(t, http.StatusNoContent)
	assert.Equal(t, false, check().at(t, "allowed"))
	assert.Equal(t, "false", p.zedSays(t, "instance:paper", "edit_inventory", "user:"+benID))

	// Who did what to whom, each once.
	await(t, "the end in the audit", func() bool { return len(olga.events(t, "object=instance:paper&operation=end_role")) > 0 })
	olgaID := olga.get(t, "/v1/me").want(t, http.StatusOK).text(t, "id")
	var told []string
	for _, e := range olga.events(t, "object=instance:paper") {
		line := e.Operation + " by " + e.Actor.ID
		for _, person := range e.People {
			line += " of " + person.Email
		}
		told = append(told, line)
	}
	assert.Equal(t, []string{
		"end_role by " + annID + " of ben@paper.example",
		"accept_invitation by " + benID + " of ben@paper.example",
		"invite by " + annID + " of ben@paper.example",
		"add by " + olgaID + " of ann@paper.example",
		"create by " + olgaID,
	}, told)
	assert.Contains(t, olga.event(t, "object=instance:paper&operation=end_role").texts(), fmt.Sprintf("delete instance:paper#member@user:%s", benID))
	await(t, "a digest of all", func() bool {
		said := verifies(t, append(p.auditKeys, "--directory-url", p.directory)...)
		return strings.Contains(said, "digests are signed") && !strings.Contains(said, "not covered yet")
	})
}

// zedSays asks the SpiceDB that both replicas stand on.
func (p *production) zedSays(t *testing.T, resource, permission, subject string) string {
	t.Helper()

	said, err := say(t.Context(), "", zed, "permission", "check", resource, permission, subject, "--consistency-full",
		"--endpoint", p.spicedb.address, "--token", p.spicedb.key, "--skip-version-check", "--certificate-path", p.path("authority.pem"))
	require.NoError(t, err)
	return strings.TrimSpace(said)
}
