// Package suggest finds the word that somebody probably meant. It compares
// short identifiers: flags, commands, attributes, names of policies.
//
// It is not a spelling checker, and it is not meant for long texts.
package suggest

import (
	"fmt"
	"strings"
)

// maxLen bounds the words compared: the work grows with the product of their
// lengths.
const maxLen = 64

// Nearest returns the candidate that differs least from word, or "" where none
// is near: within a third of the word's length, and at least one letter. Case
// does not count. Of several equally near ones the first wins.
func Nearest(word string, candidates []string) string {
	if len(word) == 0 || len(word) > maxLen {
		return ""
	}
	w := strings.ToLower(word)
	best, least := "", max(1, len(w)/3)+1
	for _, c := range candidates {
		if len(c) == 0 || len(c) > maxLen {
			continue
		}
		if d := distance(w, strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// Sentence returns ` Did you mean "x"?` with the nearest candidate, and "" where
// none is near, so that it can be appended to a message.
func Sentence(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return fmt.Sprintf(" Did you mean %q?", n)
	}
	return ""
}

// distance counts the bytes to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
