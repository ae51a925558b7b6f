package doctor

import (
	"context"
	"sync"

	"github.com/gatehouse/gatehouse/internal/authn"
)

// loginProviders asks each provider for its keys.
func loginProviders(ctx context.Context, e *examination) {
	authorities, err := authn.Authorities(e.OIDC.CAFile)
	if err != nil {
		return // which certificates says
	}
	asked := map[string]bool{}
	var asking sync.WaitGroup
	for _, o := range e.OIDC.Issuers {
		if asked[o.Issuer] {
			continue
		}
		asked[o.Issuer] = true
		asking.Go(func() {
			if err := authn.NewProvider(o.Issuer, []string{o.Audience}, authorities, e.now).Reach(ctx); err != nil {
				e.problem("unreachable", "correct --oidc-issuers (the issuer exactly as the provider spells it), --oidc-ca-file, or the way there",
					"nobody new can sign in at %s: %v", o.Issuer, err)
			}
		})
	}
	asking.Wait()
}
