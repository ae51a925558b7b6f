package email_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatehouse/gatehouse/internal/email"
)

func TestParseAccepts(t *testing.T) {
	for name, c := range map[string]struct{ input, want string }{
		"plain":                    {"ann@example.com", "ann@example.com"},
		"upper case":               {"Ann.Lee@EXAMPLE.Com", "ann.lee@example.com"},
		"spaces around":            {"  ann@example.com ", "ann@example.com"},
		"tag":                      {"ann+gatehouse@example.com", "ann+gatehouse@example.com"},
		"every odd character":      {"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
		"digits":                   {"64496@4.example.com", "64496@4.example.com"},
		"many labels":              {"ann@a.b.c.d.example.co.uk", "ann@a.b.c.d.example.co.uk"},
		"IDN domain":               {"ann@bücher.example", "ann@xn--bcher-kva.example"},
		"IDN domain, decomposed":   {"ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"},
		"IDN domain, upper case":   {"ann@BÜCHER.example", "ann@xn--bcher-kva.example"},
		"IDN domain, as punycode":  {"ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"},
		"IDN top-level domain":     {"ann@почта.рф", "ann@xn--80a1acny.xn--p1ai"},
		"sharp s is not ss":        {"ann@straße.example", "ann@xn--strae-oqa.example"},
		"Japanese mixes scripts":   {"ann@日本語テスト.example", "ann@xn--zckzah9945czlbtz6h.example"},
		"right to left":            {"ann@דוגמה.example", "ann@xn--6dbbec0c.example"},
		"full-width letters":       {"ann@ｅｘａｍｐｌｅ.com", "ann@example.com"},
		"ideographic full stop":    {"ann@example。com", "ann@example.com"},
		"longest local part":       {strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
		"longest domain label":     {"ann@" + strings.Repeat("a", 63) + ".com", "ann@" + strings.Repeat("a", 63) + ".com"},
		"soft hyphen is invisible": {"ann@exam\u00adple.com", "ann@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := email.Parse(c.input)
			require.NoError(t, err)
			assert.Equal(t, email.Address(c.want), got)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, input := range map[string]string{
		"nothing":                     "",
		"only spaces":                 "   ",
		"no at":                       "ann.example.com",
		"only an at":                  "@",
		"no local part":               "@example.com",
		"no domain":                   "ann@",
		"two ats":                     "ann@lee@example.com",
		"line feed at the end":        "ann@example.com\n",
		"header injection":            "ann@example.com\r\nBcc: eve@example.com",
		"CR in the local part":        "an\rn@example.com",
		"LF in the domain":            "ann@exam\nple.com",
		"NUL in the local part":       "an\x00n@example.com",
		"NUL in the domain":           "ann@example.com\x00.example.net",
		"tab":                         "\tann@example.com",
		"no-break space":              "ann@example.com\u00a0",
		"space inside":                "ann lee@example.com",
		"space in the domain":         "ann@exam ple.com",
		"invalid UTF-8, local part":   "an\xffn@example.com",
		"invalid UTF-8, domain":       "ann@ex\xffample.com",
		"10 kB":                       strings.Repeat("a", 10<<10) + "@example.com",
		"10 kB domain":                "ann@" + strings.Repeat("a.", 5<<10) + "com",
		"10 kB of spaces":             strings.Repeat(" ", 10<<10) + "ann@example.com",
		"local part too long":         strings.Repeat("a", 65) + "@example.com",
		"label too long":              "ann@" + strings.Repeat("a", 64) + ".com",
		"label too long as punycode":  "ann@" + strings.Repeat("ü", 60) + ".com",
		"address too long":            "ann@" + strings.Repeat("a.", 124) + "com",
		"quoted local part":           `"ann lee"@example.com`,
		"quoted without need":         `"ann"@example.com`,
		"backslash":                   `ann\@example.com`,
		"display name":                "Ann Lee <ann@example.com>",
		"angle brackets":              "<ann@example.com>",
		"comment":                     "ann(work)@example.com",
		"list":                        "ann@example.com,eve@example.com",
		"mailto":                      "mailto:ann@example.com",
		"leading dot":                 ".ann@example.com",
		"trailing dot":                "ann.@example.com",
		"double dot":                  "ann..lee@example.com",
		"domain: leading dot":         "ann@.example.com",
		"domain: trailing dot":        "ann@example.com.",
		"domain: double dot":          "ann@example..com",
		"domain: only a dot":          "ann@.",
		"domain: leading hyphen":      "ann@-example.com",
		"domain: trailing hyphen":     "ann@example-.com",
		"domain: underscore":          "ann@ex_ample.com",
		"domain: percent":             "ann@example.com%0d",
		"missing dot":                 "ann@localhost",
		"missing dot, root":           "ann@localhost.",
		"IPv4":                        "ann@192.0.2.1",
		"IPv4, full width":            "ann@１９２.0.2.１",
		"IPv4, hexadecimal":           "ann@192.0.2.0x1",
		"IPv4 literal":                "ann@[192.0.2.1]",
		"IPv6 literal":                "ann@[IPv6:2001:db8::1]",
		"port":                        "ann@example.com:25",
		"local part: Cyrillic а":      "аnn@example.com",
		"local part: full width":      "ａnn@example.com",
		"local part: dotless ı":       "adımız@example.com",
		"local part: zero width":      "a\u200bnn@example.com",
		"local part: Kelvin sign":     "\u212aann@example.com",
		"domain: Cyrillic in Latin":   "ann@exаmple.com",
		"domain: Greek in Latin":      "ann@gοοgle.com",
		"domain: micro sign in Latin": "ann@µtorrent.com",
		"domain: mixed, as punycode":  "ann@xn--exmple-4nf.com",
		"domain: full-width at":       "ann@example.com＠evil.example",
		"domain: full-width slash":    "ann@example.com／evil.example",
		"domain: bidi override":       "ann@\u202eelpmaxe.com",
		"domain: bidi mixture":        "ann@דגa.example",
		"domain: zero-width joiner":   "ann@exam\u200dple.com",
		"domain: replacement":         "ann@exam\ufffdple.com",
		"domain: bad punycode":        "ann@xn--a.com",
		"domain: ASCII as punycode":   "ann@xn--example-.com",
		"domain: emoji in disguise":   "ann@xn--.com",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := email.Parse(input)
			require.ErrorIs(t, err, email.ErrMalformed)
			assert.Empty(t, got)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"ann@example.com",
		" Ann.Lee+tag@EXAMPLE.com ",
		"ann@bücher.example",
		"ann@XN--BCHER-KVA.example",
		"ann@почта.рф",
		"ann@דוגמה.example",
		"ann@example。com",
		"ann@example.com＠evil.example",
		"ann@ﷺ.example",
		"ann@192.0.2.1",
		"\"ann\"@example.com",
		"ann@example.com\r\nBcc: eve@example.com",
		"ann@exam\x00ple.com",
		"аnn@example.com",
		"ann@xn--a.com",
		"!#$%&'*+-/=?^_`{|}~@a.b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		address, err := email.Parse(input)
		if err != nil {
			require.ErrorIs(t, err, email.ErrMalformed)
			require.Empty(t, address)
			return
		}
		again, err := email.Parse(string(address))
		require.NoError(t, err, "the canonical form %q is refused", address)
		require.Equal(t, address, again)
		require.LessOrEqual(t, len(address), 254)

		local, domain, _ := strings.Cut(string(address), "@")
		require.NotEmpty(t, local)
		for _, r := range local {
			require.True(t, '!' <= r && r <= '~' && !('A' <= r && r <= 'Z') && !strings.ContainsRune(`"(),:;<>@[\]`, r), "%q", address)
		}
		require.Regexp(t, `^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`, domain)
	})
}
