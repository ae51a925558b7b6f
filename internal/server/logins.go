package server

import (
	"crypto/x509"
	"fmt"
	"os"
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
	authorities, err := authorities(c.OIDC.CAFile)
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

// authorities reads those of a PEM file; nil, without one, stands for those that this
// machine trusts.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificates", path)
	}
	return pool, nil
}
