package authn

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse/gatehouse/internal/access"
)

const (
	// keysAge is how long keys are used until they are fetched again, so that one
	// that was withdrawn is not trusted for much longer.
	keysAge = 5 * time.Minute
	// pause is how long the provider is left alone between two fetches on account of
	// tokens: anybody can send tokens that name unknown keys.
	pause = 10 * time.Second
	// shortPause is that after a fetch that failed.
	shortPause = 2 * time.Second
	// longestWait is that between two attempts of keep while the provider is down.
	longestWait = 30 * time.Second
	// fetchTime is how long a fetch may take.
	fetchTime = 5 * time.Second
	// maxDocument bounds what is read of an answer, in bytes, and maxFault of one that
	// is no document.
	maxDocument = 1 << 20
	maxFault    = 200
	// minRSA is the least size, in bits, of an RSA key that is trusted.
	minRSA = 2048
)

// keys are those that a provider signs with, as it publishes them.
type keys struct {
	issuer   string
	client   *http.Client
	now      access.Clock
	fetching singleflight.Group
	last     atomic.Pointer[fetched] // nil before the first attempt
}

// fetched is what came of the last attempt to fetch. If it failed, the keys are those
// of the one before.
type fetched struct {
	keys   []jose.JSONWebKey
	at     time.Time
	failed error
}

func newKeys(issuer string, authorities *x509.CertPool, now access.Clock) *keys {
	return &keys{issuer: issuer, now: now, client: &http.Client{
		Timeout: fetchTime,
		Transport: bounded{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        time.Minute,
		}},
		// Where a provider's documents are, it says in its metadata. Anything else
		// would let whoever controls a redirect choose whom to trust.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
	}}
}

// verify returns what is signed. A key that is not known may be new, so it is looked
// for. Errors: Unavailable if the provider cannot be asked.
func (k *keys) verify(ctx context.Context, t *jose.JSONWebSignature) ([]byte, error) {
	if last := k.last.Load(); last != nil {
		if payload, err := verify(last.keys, t); !errors.Is(err, errUnknownKey) {
			return payload, err
		}
	}
	last, err := k.renew(ctx, false)
	if err != nil {
		return nil, err
	}
	payload, err := verify(last.keys, t)
	if errors.Is(err, errUnknownKey) && last.failed != nil {
		err = access.Down("the login provider", last.failed)
	}
	return payload, err
}

var errUnknownKey = errors.New("it is signed with a key that its issuer does not publish")

// verify fails with errUnknownKey if none of the keys is the one that a token names
// or, if it names none, fits.
func verify(keys []jose.JSONWebKey, t *jose.JSONWebSignature) ([]byte, error) {
	header := t.Signatures[0].Protected
	fault := errUnknownKey
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		payload, err := t.Verify(&key)
		if err == nil {
			return payload, nil
		}
		if header.KeyID != "" {
			fault = err
		}
	}
	return nil, fault
}

// renew fetches the keys, once for all who ask at the same time and, unless it is due,
// not right after the last attempt. The error is that of the context.
func (k *keys) renew(ctx context.Context, due bool) (*fetched, error) {
	outcome := k.fetching.DoChan("", func() (any, error) {
		next := &fetched{}
		if last := k.last.Load(); last != nil {
			wait := pause
			if last.failed != nil {
				wait = shortPause
			}
			if !due && k.now().Sub(last.at) < wait {
				return last, nil
			}
			next.keys = last.keys
		}
		found, err := k.fetch(context.WithoutCancel(ctx)) // others wait for it too
		if next.failed = err; err == nil {
			next.keys = found
		}
		next.at = k.now()
		k.last.Store(next)
		return next, nil
	})
	select {
	case o := <-outcome:
		return o.Val.(*fetched), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep fetches the keys again and again until the context ends, and logs how it fares.
func (k *keys) keep(ctx context.Context, log *slog.Logger) {
	for wait, down := time.Second, true; ; {
		next := keysAge
		switch last, err := k.renew(ctx, true); {
		case err != nil:
			return
		case last.failed != nil:
			next, wait, down = wait, min(2*wait, longestWait), true
			log.WarnContext(ctx, "a login provider cannot be asked for its keys", "issuer", k.issuer, "again_in", next, "error", last.failed)
		case down:
			log.InfoContext(ctx, "the keys of a login provider are known", "issuer", k.issuer, "keys", len(last.keys))
			wait, down = time.Second, false
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return
		}
	}
}

// fetch asks the provider where its keys are, and for them.
func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, fmt.Errorf("read the provider's metadata: %w", err)
	}
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("read the provider's metadata: %w", err)
	}
	if !sameScheme(metadata.Keys, k.issuer) {
		return nil, fmt.Errorf("jwks_uri %q has another scheme than the issuer", metadata.Keys)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.Keys, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch the provider's keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the provider's keys: %s", response.Status)
	}
	return readKeys(response.Body)
}

func sameScheme(one, other string) bool {
	a, err := url.Parse(one)
	b, err2 := url.Parse(other)
	return err == nil && err2 == nil && a.Scheme == b.Scheme
}

// readKeys reads those keys that signatures can be verified with; others may be for
// encryption, or of a kind that is newer than we are.
func readKeys(from io.Reader) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(from).Decode(&set); err != nil {
		return nil, fmt.Errorf("read the provider's keys: %w", err)
	}
	var usable []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) != nil || !key.IsPublic() || key.Use == "enc" {
			continue
		}
		if rsaKey, ok := key.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSA {
			continue
		}
		usable = append(usable, key)
	}
	if len(usable) == 0 {
		return nil, errors.New("the provider publishes no key that signatures can be verified with")
	}
	return usable, nil
}

// bounded reads no more of an answer than a provider has reason to say.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	most := int64(maxDocument)
	if response.StatusCode != http.StatusOK {
		most = maxFault
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, most), response.Body}
	return response, nil
}
