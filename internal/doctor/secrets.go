package doctor

import (
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/internal/config"
)

// secrets hides those of the settings, whatever repeats them.
func secrets(c config.Config) *strings.Replacer {
	var pairs []string
	for _, secret := range secretsOf(c) {
		pairs = append(pairs, secret, "…", url.QueryEscape(secret), "…", url.PathEscape(secret), "…")
	}
	return strings.NewReplacer(pairs...)
}

func secretsOf(c config.Config) (all []string) {
	keep := func(secret string) {
		if secret != "" {
			all = append(all, secret)
		}
	}
	keep(c.GRPCKey)
	keep(c.SpiceDBKey)
	keep(c.SMTP.Password)
	for _, text := range []string{c.DirectoryURL, c.Beneath.DatabaseURL, c.Beneath.MetricsURL} {
		if u, err := url.Parse(text); err == nil {
			password, _ := u.User.Password()
			keep(password)
			keep(u.Query().Get("password"))
		}
	}
	if r, err := config.ParseRedis(c.RedisURL); err == nil {
		keep(r.Password)
	}
	return all
}
