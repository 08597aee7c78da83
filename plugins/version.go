package plugins

import (
	"fmt"
	"strconv"
	"strings"
)

// version is major, minor and patch. What follows a hyphen or plus is not compared.
type version [3]int

func parseVersion(s string) (version, error) {
	var v version
	core, _, _ := strings.Cut(strings.TrimPrefix(s, "v"), "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	if len(parts) > 3 {
		return v, fmt.Errorf("version %q has more than three numbers", s)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, fmt.Errorf("version %q: write it as in \"1.4.0\"", s)
		}
		v[i] = n
	}
	return v, nil
}

func (v version) compare(o version) int {
	for i := range v {
		if v[i] != o[i] {
			return v[i] - o[i]
		}
	}
	return 0
}

// CheckVersion says whether a version satisfies a constraint as in ">= 1.2, < 2": a
// list of =, !=, <, <=, > and >= with a version each, of which all must hold. One
// without an operator means =.
func CheckVersion(constraint, of string) error {
	v, err := parseVersion(of)
	if err != nil {
		return err
	}
	for c := range strings.SplitSeq(constraint, ",") {
		c = strings.TrimSpace(c)
		number := strings.TrimLeft(c, "=!<>")
		want, err := parseVersion(strings.TrimSpace(number))
		if err != nil {
			return fmt.Errorf("constraint %q: %w", constraint, err)
		}
		d, ok := v.compare(want), false
		switch c[:len(c)-len(number)] {
		case "", "=":
			ok = d == 0
		case "!=":
			ok = d != 0
		case "<":
			ok = d < 0
		case "<=":
			ok = d <= 0
		case ">":
			ok = d > 0
		case ">=":
			ok = d >= 0
		default:
			return fmt.Errorf("constraint %q: use =, !=, <, <=, > or >= before each version", constraint)
		}
		if !ok {
			return fmt.Errorf("its version is %s, wanted is %s", of, constraint)
		}
	}
	return nil
}
