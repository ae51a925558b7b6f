package doctor

import (
	"context"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/internal/config"
)

// settings judges what can be told without asking anybody.
func settings(_ context.Context, e *examination) {
	trust(e)
	apis(e)
	wires(e)
	if e.InMemory {
		e.warning("in_memory", "start without --in-memory", "people and relationships are gone when the server stops")
	}
	if e.PublicURL == "" && !localAddress(e.HTTPAddr) {
		e.warning("public_url_missing", "name with --public-url where people reach the server", "links in mails lead to the address that the server listens on, %s", e.HTTPAddr)
	}
	if e.SMTP.Addr == "" && !e.Dev {
		e.warning("mails_to_files", "name a mail server with --smtp-addr", "nobody receives invitations: mails are written to the folder outbox in %s", e.DataDir)
	}
	if e.SMTP.Addr != "" && strings.Contains(e.MailFrom, "localhost.localdomain") {
		e.warning("mail_from_default", "name a sender with --mail-from, at a domain that you may send for", "mails come from %s, which mail servers refuse", e.MailFrom)
	}
	if separate(e.Config) && e.RedisURL == "" {
		e.warning("no_cache", "name a Redis with --redis-url", "every check is computed: servers that share a SpiceDB keep answers in a Redis only")
	}
}

func trust(e *examination) {
	public := !localAddress(e.HTTPAddr)
	if u, err := url.Parse(e.PublicURL); err == nil && u.Host != "" && !local(u.Hostname()) {
		public = true
	}
	if e.Dev && public {
		e.problem("dev_in_public", "start without --dev, and name an OpenID provider with --oidc-issuers",
			"dev mode at a public address: whoever reads the key of dev tokens can be anybody")
	}
}

func apis(e *examination) {
	if e.TLS.On() {
		return
	}
	const cure = "name a certificate with --tls-cert-file and --tls-key-file"
	proxied := strings.HasPrefix(e.PublicURL, "https:") && len(e.Limits.TrustedProxies) > 0
	if !localAddress(e.HTTPAddr) && !proxied {
		e.warning("http_plaintext", cure+", or the proxy that ends TLS with --public-url https://… and --trusted-proxies",
			"the HTTP API at %s is not encrypted: tokens can be read on the way", e.HTTPAddr)
	}
	if e.GRPCAddr != "" && !localAddress(e.GRPCAddr) {
		e.warning("grpc_plaintext", cure+", or switch it off with --grpc-addr ''",
			"the gRPC API at %s is not encrypted: its key can be read on the way", e.GRPCAddr)
	}
}

// wires looks at the connections to the parts.
func wires(e *examination) {
	if separate(e.Config) && e.Plaintext() && !localAddress(e.SpiceDBEndpoint) {
		e.warning("spicedb_plaintext", "serve SpiceDB with --grpc-tls-cert-path and --grpc-tls-key-path, and start without --spicedb-insecure",
			"SpiceDB at %s is reached without TLS: its key can be read on the way", e.SpiceDBEndpoint)
	}
	if u, err := url.Parse(e.DirectoryURL); err == nil && u.Host != "" && !local(u.Hostname()) {
		switch mode := u.Query().Get("sslmode"); mode {
		case "require", "verify-ca", "verify-full":
		default:
			e.warning("directory_plaintext", "add sslmode=verify-full to --directory-url", "the directory at %s may be reached without TLS: names and e-mail addresses can be read on the way", u.Host)
		}
	}
	if r, err := config.ParseRedis(e.RedisURL); err == nil && e.RedisURL != "" && !allLocal(r.Addrs) {
		if !r.TLS || r.Password == "" {
			e.warning("redis_open", "give Redis a password and TLS, and name both in --redis-url (rediss://, or ?tls=true)",
				"Redis at %s is reached without TLS or without a password: whoever writes there decides what is answered", strings.Join(r.Addrs, ", "))
		}
	}
	if e.SMTP.Addr != "" && e.SMTP.TLS == "none" && !localAddress(e.SMTP.Addr) {
		e.warning("mail_plaintext", "set --smtp-tls to starttls or tls", "mails go to %s without TLS: links of invitations can be read on the way", e.SMTP.Addr)
	}
}

func allLocal(addresses []string) bool {
	for _, a := range addresses {
		if !localAddress(a) {
			return false
		}
	}
	return true
}
