package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rspool/rspool/engine"
)

// references are the policies that pools and users may refer to.
type references struct {
	names []string // in full, as in "builtin.least-used"
}

// newReferences returns those of the program and those of the policy blocks.
func newReferences(policies *engine.Registry, blocks hcl.Blocks) *references {
	var r references
	if policies == nil {
		for _, n := range builtinNames() {
			r.names = append(r.names, Builtin+"."+n)
		}
	} else {
		for _, p := range policies.Policies() {
			r.names = append(r.names, fullName(p.Describe().Name))
		}
	}
	for _, b := range blocks {
		if b.Labels[0] != Builtin {
			r.names = append(r.names, b.Labels[0]+"."+b.Labels[1])
		}
	}
	return &r
}

// fullName puts the kind before the name of a built-in policy, which may stand
// without.
func fullName(ref string) string {
	if strings.Contains(ref, ".") {
		return ref
	}
	return Builtin + "." + ref
}

// find returns text if it refers to a policy. Without any references, those of
// the program alone are known.
func (r *references) find(text string) (string, error) {
	if r == nil {
		r = newReferences(nil, nil)
	}
	full := fullName(text)
	if slices.Contains(r.names, full) {
		return text, nil
	}
	kind, bare, _ := strings.Cut(full, ".")
	if kind != Builtin && kind != Lua && kind != Plugin {
		return "", fmt.Errorf("%s is no reference; it is builtin.NAME, lua.NAME or plugin.NAME%s", quote(text), didYouMean(full, r.names))
	}
	for _, n := range r.names { // the right name of the wrong kind
		if k, b, _ := strings.Cut(n, "."); b == bare && k != kind {
			return "", fmt.Errorf("there is no policy %s; did you mean %q?", quote(text), n)
		}
	}
	hint := didYouMean(full, r.names)
	if !strings.Contains(text, ".") {
		hint = strings.ReplaceAll(hint, Builtin+".", "")
	}
	switch {
	case hint != "":
	case kind == Builtin:
		hint = "; rspool policy list names them"
	default:
		hint = fmt.Sprintf("; define it by a block: policy %q %q { ... }", kind, bare)
	}
	return "", fmt.Errorf("there is no policy %s%s", quote(text), hint)
}

// reference is a policy that pools and users may refer to.
func (r *references) value(s *string) value {
	return parsed("policy", s, r.find, func(s string) string { return s })
}

// list is an ordered list of them.
func (r *references) list(l *[]string) value {
	return list("list of policies", 8, l, r.find)
}

// repeated returns the policy that stands in the chain twice, or "".
func repeated(chain []string) string {
	for i, p := range chain {
		for _, o := range chain[:i] {
			if fullName(p) == fullName(o) {
				return p
			}
		}
	}
	return ""
}
