package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinksComeFromTheConfiguration: whatever a request says that the server is called,
// a mail leads to where the server says it is, and goes to the address in its one form.
func TestLinksComeFromTheConfiguration(t *testing.T) {
	t.Parallel()
	w := build(t, shared, "links")
	request, _, err := w.admin(t, "project").request(http.MethodPost, w.path("project")+"/invitations", object{"email": "Ina@BÜCHER." + w.name + ".Example"},
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "gopher", "X-Original-URL", "https://evil.example/", "X-Host", "evil.example",
		"Forwarded", "host=evil.example", "X-Forwarded-Prefix", "/evil", "Referer", "https://evil.example/", "Origin", "https://evil.example")
	require.NoError(t, err)
	request.Host = "evil.example"
	got, err := shared.exchange(request)
	require.NoError(t, err)
	got.want(t, http.StatusCreated)
	assert.NotContains(t, string(got.body), "evil")

	mailed := shared.letter(t, "ina@xn--bcher-kva."+w.name+".example")
	address, _ := mailed.link(t)
	assert.True(t, strings.HasPrefix(address, shared.url+"/invitations/accept"), address)
	assert.NotContains(t, mailed.text, "evil")

	for _, path := range []string{"/.well-known/authzen-configuration", "/docs", "/openapi.yaml", "/invitations/accept"} {
		request, _, err := shared.nobody().request(http.MethodGet, path, nil, "X-Forwarded-Host", "evil.example")
		require.NoError(t, err)
		request.Host = "evil.example"
		got, err := shared.exchange(request)
		require.NoError(t, err)
		assert.NotContains(t, string(got.body)+got.header.Get("Location"), "evil.example", path)
	}
}
