package handlespace_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/handlespace"
)

func TestPrefixes(t *testing.T) {
	p := handlespace.NewPrefixes(map[netip.Prefix]map[string]string{
		netip.MustParsePrefix("10.0.0.0/8"):      {"region": "eu", "tier": "bronze"},
		netip.MustParsePrefix("10.1.0.0/16"):     {"tier": "silver", "site": "one"},
		netip.MustParsePrefix("10.1.2.3/32"):     {"tier": "gold"},
		netip.MustParsePrefix("192.0.2.0/24"):    {"region": "us"},
		netip.MustParsePrefix("2001:db8::/32"):   {"region": "six"},
		netip.MustParsePrefix("2001:db8:1::/48"): {"site": "two"},
	})
	for _, tc := range []struct {
		name, address string
		want          map[string]string
	}{
		{"the shortest alone", "10.9.9.9", map[string]string{"region": "eu", "tier": "bronze"}},
		{"a longer one wins", "10.1.9.9", map[string]string{"region": "eu", "tier": "silver", "site": "one"}},
		{"a single address", "10.1.2.3", map[string]string{"region": "eu", "tier": "gold", "site": "one"}},
		{"an IPv4 address as IPv6 writes it", "::ffff:10.1.2.3", map[string]string{"region": "eu", "tier": "gold", "site": "one"}},
		{"IPv6 with a zone", "2001:db8:1::1%eth0", map[string]string{"region": "six", "site": "two"}},
		{"IPv6", "2001:db8:2::1", map[string]string{"region": "six"}},
		{"none", "198.51.100.1", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, p.Find(netip.MustParseAddr(tc.address))); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
	if got := p.Find(netip.Addr{}); got != nil {
		t.Errorf("no address has %v", got)
	}
}
