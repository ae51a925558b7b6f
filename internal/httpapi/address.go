package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of those who are believed when they say from where a
// request came to them.
type Proxies []netip.Prefix

func (ps Proxies) include(address netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// client is the address a request comes from. X-Forwarded-For, which anybody can
// write, is read from its end, where each trusted proxy put whom it was called by, up
// to the first that is not trusted.
func (ps Proxies) client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || len(ps) == 0 {
		return host
	}
	client, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if client = client.Unmap().WithZone(""); !ps.include(client) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && ps.include(client); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // no address: nobody knows what lies beyond
		}
		client = hop.Unmap().WithZone("")
	}
	return client.String()
}

// network is what counts as one address: of IPv6, everybody has 64 bits to choose from.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
