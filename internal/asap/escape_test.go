package asap

import (
	"strings"
	"testing"

	rserpool "github.com/rspool/rspool"
)

// TestNamesFromThePeerAreEscaped prints names that would rewrite a terminal.
func TestNamesFromThePeerAreEscaped(t *testing.T) {
	const evil = "a\x1b[2J\xff"
	for _, tc := range []struct {
		name  string
		shown string
		want  string
	}{
		{"a tag", (&Registration{Handle: "Pool", Element: rserpool.Element{Tags: rserpool.Tags{evil: true, "spot": true}}}).String(), `tags={a\x1b[2J\xff=true spot=true}`},
		{"an attribute", (&HandleResolution{Handle: "Pool", Attributes: map[string]string{evil: "x", "tier": "gold"}}).String(), `a\x1b[2J\xff="x" tier="gold"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(tc.shown, tc.want) {
				t.Errorf("shown as %q, want %q in it", tc.shown, tc.want)
			}
		})
	}
}
