package handlespace_test

import (
	"strings"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
	"pgregory.net/rapid"
)

func TestTheMostSpecificPatternApplies(t *testing.T) {
	for _, tc := range []struct {
		name     string
		patterns string // separated by blanks
		handle   rserpool.Handle
		want     string // empty: none applies
	}{
		{"the handle itself", "a* abc ab*", "abc", "abc"},
		{"the handle itself before what begins with it", "abc* abc", "abc", "abc"},
		{"the longest literal prefix", "a* *bcd* ab*", "abcd", "ab*"},
		{"of equal prefixes the longest", "a* a*d a*cd", "abcd", "a*cd"},
		{"everything", "*", "x", "*"},
		{"everything, the shortest", "*", "", "*"},
		{"one byte", "a? *", "ab", "a?"},
		{"one byte is not none", "a? *", "a", "*"},
		{"one byte is not two", "a? *", "abc", "*"},
		{"bytes that are no text", "\xff? *", "\xff\x00", "\xff?"},
		{"a star in the middle", "a*c", "abbbc", "a*c"},
		{"a star for nothing", "a*c", "ac", "a*c"},
		{"a star that has to try again", "*ab", "aab", "*ab"},
		{"two stars that have to try again", "*a*ab", "xaabaab", "*a*ab"},
		{"case counts", "abc", "ABC", ""},
		{"none", "a* b*", "c", ""},
		{"no patterns", "", "c", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p handlespace.Patterns[string]
			for _, pattern := range strings.Fields(tc.patterns) {
				if err := p.Add(pattern, pattern); err != nil {
					t.Fatal(err)
				}
			}
			got, found := p.Find(tc.handle)
			if got != tc.want || found != (tc.want != "") {
				t.Errorf("%q: %q, %t, want %q", tc.handle, got, found, tc.want)
			}
		})
	}
}

func TestAmbiguousPatternsAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		want       string // in the error; empty: none
	}{
		{"the same", "a*", "a*", "configured twice"},
		{"the same handle", "abc", "abc", "configured twice"},
		{"equally specific and both match", "a*c?", "a?*c", "equally specific"},
		{"equally specific, no handle in common", "a*x", "a*y", ""},
		{"no handle in common for their lengths", "a??", "a?b?", ""},
		{"different prefixes", "ab*", "a*b", ""},
		{"different lengths", "a*", "a*b", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p handlespace.Patterns[int]
			if err := p.Add(tc.a, 1); err != nil {
				t.Fatal(err)
			}
			err := p.Add(tc.b, 2)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q after %q: %v, want %q", tc.b, tc.a, err, tc.want)
			}
		})
	}
}

// matches is the definition of a pattern, straight from its words.
func matches(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '*':
		return matches(pattern[1:], s) || s != "" && matches(pattern, s[1:])
	case '?':
		return s != "" && matches(pattern[1:], s[1:])
	}
	return s != "" && s[0] == pattern[0] && matches(pattern[1:], s[1:])
}

// TestPatternsMatchByDefinition compares with the definition, and holds that two
// patterns overlap where a handle matches both.
func TestPatternsMatchByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringMatching(`[ab*?]{1,6}`).Draw(t, "a")
		b := rapid.StringMatching(`[ab*?]{1,6}`).Draw(t, "b")
		var p handlespace.Patterns[bool]
		if err := p.Add(a, true); err != nil {
			t.Fatal(err)
		}
		common := false
		for n := range 1 << 7 {
			for length := range 7 {
				s := ""
				for i := range length {
					s += string(rune('a' + n>>i&1))
				}
				if _, got := p.Find(rserpool.Handle(s)); got != matches(a, s) {
					t.Fatalf("%q matches %q: %t", a, s, got)
				}
				common = common || matches(a, s) && matches(b, s)
			}
		}
		if got := handlespace.Overlap(a, b); common && !got {
			t.Fatalf("%q and %q do not overlap, yet a handle matches both", a, b)
		}
		if handlespace.Overlap(a, b) != handlespace.Overlap(b, a) {
			t.Fatalf("%q and %q overlap one way", a, b)
		}
	})
}

func TestOverlap(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		want       bool
	}{
		{"equal", "abc", "abc", true},
		{"different", "abc", "abd", false},
		{"one byte each", "a?c", "ab?", true},
		{"different lengths", "ab", "abc", false},
		{"a star reaches over", "a*", "*z", true},
		{"what comes before the star differs", "a*", "b*", false},
		{"what comes behind the star differs", "*a", "*b", false},
		{"stars alone", "*", "**", true},
		{"nothing and a star", "", "*", true},
		{"nothing and a byte", "", "?", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := handlespace.Overlap(tc.a, tc.b); got != tc.want {
				t.Errorf("overlap of %q and %q: %t, want %t", tc.a, tc.b, got, tc.want)
			}
		})
	}
}
