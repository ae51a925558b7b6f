package server

import (
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/internal/authn"
	"github.com/gatehouse/gatehouse/internal/config"
)

// logins recognises whoever the settings say may sign in. No provider is asked yet: one
// that is down keeps no server from starting.
func (s *Server) logins(c config.Config) (*authn.Logins, error) {
	var dev *authn.DevIssuer
	if c.Dev {
		var err error
		if dev, err = authn.OpenDevIssuer(c.DevKey(), true, time.Now); err != nil {
			return nil, err
		}
	}
	authorities, err := authn.Authorities(c.OIDC.CAFile)
	if err != nil {
		return nil, fmt.Errorf("oidc-ca-file: %w", err)
	}
	audiences := map[string][]string{}
	for _, o := range c.OIDC.Issuers {
		audiences[o.Issuer] = append(audiences[o.Issuer], o.Audience)
	}
	var providers []*authn.Provider
	for issuer, audiences := range audiences {
		providers = append(providers, authn.NewProvider(issuer, audiences, authorities, time.Now))
	}
	return authn.NewLogins(dev, providers, s.log), nil
}
