package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	policies := []string{"round-robin", "weighted-round-robin", "random", "least-used", "priority"}
	tests := []struct {
		name       string
		word       string
		candidates []string
		want       string
	}{
		{"a_letter_is_missing", "roundrobin", policies, "round-robin"},
		{"two_letters_are_swapped", "laest-used", policies, "least-used"},
		{"a_letter_is_wrong", "rendom", policies, "random"},
		{"case_does_not_count", "PRIORITY", policies, "priority"},
		{"nothing_is_near", "fastest", policies, ""},
		{"a_short_word_allows_one_letter", "lug", []string{"log"}, "log"},
		{"a_short_word_allows_no_more", "xyg", []string{"log"}, ""},
		{"the_first_of_equals_wins", "ab", []string{"ac", "ad"}, "ac"},
		{"no_candidates", "log", nil, ""},
		{"no_word", "", policies, ""},
		{"a_word_beyond_the_bound", strings.Repeat("a", 1000), []string{strings.Repeat("a", 999)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Nearest(tt.word, tt.candidates); got != tt.want {
				t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}

func TestDistanceIsSymmetric(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "listen", "silent", "least-used", "laest-used"}
	for _, a := range words {
		for _, b := range words {
			if ab, ba := distance(a, b), distance(b, a); ab != ba {
				t.Errorf("distance(%q, %q) = %d, the other way %d", a, b, ab, ba)
			}
			if (distance(a, b) == 0) != (a == b) {
				t.Errorf("distance(%q, %q) = %d", a, b, distance(a, b))
			}
		}
	}
}

func TestSentenceFollowsAMessage(t *testing.T) {
	if got, want := "unknown."+Sentence("lgo", []string{"log"}), `unknown. Did you mean "log"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
