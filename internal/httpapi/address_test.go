package httpapi

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gatehouse/gatehouse/internal/email"
)

func TestForwardedAddressesAreBelievedOfTrustedProxies(t *testing.T) {
	none := Proxies{}
	some := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	for name, c := range map[string]struct {
		trusted Proxies
		peer    string
		headers []string
		want    string
	}{
		"nobody is trusted":         {none, "10.0.0.1:7", []string{"198.51.100.7"}, "10.0.0.1"},
		"another is trusted":        {some, "192.0.2.1:7", []string{"198.51.100.7"}, "192.0.2.1"},
		"the peer is trusted":       {some, "10.0.0.1:7", []string{"198.51.100.7"}, "198.51.100.7"},
		"by its IPv6 address":       {some, "[2001:db8::1]:7", []string{"198.51.100.7"}, "198.51.100.7"},
		"by IPv4 within IPv6":       {some, "[::ffff:10.0.0.1]:7", []string{"198.51.100.7"}, "198.51.100.7"},
		"the client forged some":    {some, "10.0.0.1:7", []string{"127.0.0.1, 10.0.0.9, 198.51.100.7"}, "198.51.100.7"},
		"in a header of its own":    {some, "10.0.0.1:7", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		"through several proxies":   {some, "10.0.0.1:7", []string{"203.0.113.9, 198.51.100.7, 10.0.0.3 , 10.0.0.2"}, "198.51.100.7"},
		"all are trusted":           {some, "10.0.0.1:7", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"nothing is said":           {some, "10.0.0.1:7", nil, "10.0.0.1"},
		"what is said is nothing":   {some, "10.0.0.1:7", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"something odd is in front": {some, "10.0.0.1:7", []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		"IPv6 is said":              {some, "10.0.0.1:7", []string{"2001:db8:7::9%eth0"}, "2001:db8:7::9"},
		"no peer":                   {some, "@", []string{"198.51.100.7"}, ""},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.headers, "X-Real-Ip": {"203.0.113.1"}, "Forwarded": {"for=203.0.113.2"}}}
		assert.Equal(t, c.want, c.trusted.client(r), name)
	}
}

func TestAnAddressOfIPv6IsItsNetwork(t *testing.T) {
	assert.Equal(t, network("2001:db8:7:1::9"), network("2001:db8:7:1:ffff::1"))
	assert.NotEqual(t, network("2001:db8:7:1::9"), network("2001:db8:7:2::9"))
	assert.Equal(t, "198.51.100.7", network("198.51.100.7"))
	assert.Equal(t, "", network(""))
}

func TestAddressesOfOneMailbox(t *testing.T) {
	assert.Equal(t, "ann@example.org", mailbox(email.Address("ann+spam+more@example.org")))
	assert.Equal(t, "ann@example.org", mailbox(email.Address("ann@example.org")))
	assert.NotEqual(t, mailbox("ann@example.org"), mailbox("ann@example.com"))
}
