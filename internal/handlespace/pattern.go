package handlespace

import (
	"fmt"
	"slices"
	"strings"

	rserpool "github.com/rspool/rspool"
)

// Patterns finds what was said about the pools whose handles match a pattern, in
// which * stands for any bytes and ? for one. The handle itself comes first; of
// several patterns that match, the one with the longest literal prefix applies,
// then the longest.
type Patterns[T any] struct {
	exact map[string]T
	rules []rule[T] // those with * or ?
}

type rule[T any] struct {
	pattern string
	prefix  int // length of what stands before the first * or ?
	value   T
}

// Add adds a pattern. It fails where another pattern of the same rank can match
// the same handle.
func (p *Patterns[T]) Add(pattern string, value T) error {
	r := rule[T]{pattern: pattern, prefix: strings.IndexAny(pattern, "*?"), value: value}
	if r.prefix < 0 {
		if _, twice := p.exact[pattern]; twice {
			return fmt.Errorf("pool %q is configured twice: merge the two", pattern)
		}
		if p.exact == nil {
			p.exact = map[string]T{}
		}
		p.exact[pattern] = value
		return nil
	}
	for _, o := range p.rules {
		if o.prefix == r.prefix && len(o.pattern) == len(pattern) && Overlap(o.pattern, pattern) {
			if o.pattern == pattern {
				return fmt.Errorf("pool %q is configured twice: merge the two", pattern)
			}
			return fmt.Errorf("pools %q and %q can match the same handle and are equally specific: make one of them longer", o.pattern, pattern)
		}
	}
	i, _ := slices.BinarySearchFunc(p.rules, r, func(a, b rule[T]) int {
		if a.prefix != b.prefix {
			return b.prefix - a.prefix
		}
		return len(b.pattern) - len(a.pattern)
	})
	p.rules = slices.Insert(p.rules, i, r)
	return nil
}

// Find returns what applies to a handle, and whether anything does.
func (p *Patterns[T]) Find(h rserpool.Handle) (T, bool) {
	if v, ok := p.exact[string(h)]; ok {
		return v, true
	}
	for _, r := range p.rules {
		if match(r.pattern, string(h)) {
			return r.value, true
		}
	}
	var none T
	return none, false
}

// Match reports whether s matches one pattern.
func Match(pattern, s string) bool { return match(pattern, s) }

// match reports whether s matches the pattern. On a mismatch it goes back to the
// last star alone, which keeps it quadratic at worst.
func match(pattern, s string) bool {
	p, i := 0, 0
	star, resume := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Overlap reports whether some handle matches both patterns: whether the two can
// be walked through together.
func Overlap(a, b string) bool {
	// reach[j] says whether a[:i] and b[:j] can stand for the same bytes.
	reach := make([]bool, len(b)+1)
	for i := 0; i <= len(a); i++ {
		diagonal := false // reach[i-1][j-1]
		for j := range reach {
			above := reach[j] // reach[i-1][j]
			switch {
			case i == 0 && j == 0:
				reach[j] = true
			default:
				reach[j] = i > 0 && a[i-1] == '*' && (above || j > 0 && reach[j-1]) ||
					j > 0 && b[j-1] == '*' && (reach[j-1] || i > 0 && above) ||
					i > 0 && j > 0 && diagonal && (a[i-1] == '?' || b[j-1] == '?' || a[i-1] == b[j-1])
			}
			diagonal = above
		}
	}
	return reach[len(b)]
}
