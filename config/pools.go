package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/registrar"
)

const (
	maxPoolBlocks = 10_000
	maxWildcards  = 1000 // patterns with * or ?: each is compared with the others
	maxPattern    = 255  // bytes of a pattern with * or ?
)

func poolBlock(p *registrar.PoolConfig, policies *engine.Registry) block {
	return block{
		name:  "pool",
		label: "pattern",
		doc:   "Pools whose handles match the pattern, in which * stands for any bytes and ? for one. The most specific pattern applies: the longest literal prefix, then the longest pattern.",
		fields: []field{
			{name: "policy", example: `"least-used"`, doc: "The selection policy. If absent, the one that the pool's first element registers.", value: policyName(&p.Policy, policies)},
			{name: "wire_policy", example: `"round-robin"`, doc: "The policy that elements must register and users are told. If absent, that of the pool's first element.", value: policyType(&p.WirePolicy)},
			{name: "max_items", example: "3", doc: "Elements in an answer where the user asks for no number. If absent, the registrar's.", value: integer(&p.MaxItems, 1, 1000)},
			{name: "max_increment", example: "1", doc: "Leading elements of an answer that count as selected. If absent, the registrar's.", value: integer(&p.MaxIncrement, 1, 1000)},
			{name: "max_elements", example: "1000", doc: "Elements of one pool. If absent, the registrar's max_pool_elements.", value: integer(&p.MaxElements, 1, 10_000_000)},
		},
	}
}

// policyName is a selection policy that the registry knows.
func policyName(s *string, policies *engine.Registry) value {
	if policies == nil {
		policies = engine.NewRegistry(builtin.All()...)
	}
	return parsed("policy", s,
		func(text string) (string, error) {
			if _, err := policies.Find(text); err != nil {
				var names []string
				for _, p := range policies.Policies() {
					names = append(names, p.Describe().Name)
				}
				return "", fmt.Errorf("there is no policy %s%s", quote(text), didYouMean(strings.TrimPrefix(text, "builtin."), names))
			}
			return text, nil
		},
		func(s string) string { return s })
}

// readPools decodes the pool blocks, refuses the same pattern twice and patterns
// of which nobody could say which one applies.
func (r *reader) readPools(c *Config, blocks hcl.Blocks, policies *engine.Registry) {
	if len(blocks) > maxPoolBlocks {
		r.fail(blocks[maxPoolBlocks].DefRange, "Too many pool blocks", fmt.Sprintf("A configuration may have %d of them. Let patterns with * stand for many pools.", maxPoolBlocks))
		return
	}
	limit := c.Registrar.MaxHandleLength
	first := map[string]hcl.Range{}
	var wild []wildcard
	for _, b := range blocks {
		pattern := b.Labels[0]
		if at, ok := first[pattern]; ok {
			r.fail(b.DefRange, "Duplicate pool block", fmt.Sprintf("Pool %s has a block at %s already. Merge the two.", quote(pattern), place(at)))
			continue
		}
		first[pattern] = b.DefRange
		if strings.ContainsAny(pattern, "*?") {
			wild = append(wild, wildcard{pattern, b.DefRange})
			if len(pattern) > maxPattern {
				r.fail(b.LabelRanges[0], "Unsuitable pattern", fmt.Sprintf("The pattern has %d bytes; one with * or ? may have %d.", len(pattern), maxPattern))
				continue
			}
			if len(wild) > maxWildcards {
				r.fail(b.DefRange, "Too many patterns", fmt.Sprintf("A configuration may have %d patterns with * or ?.", maxWildcards))
				return
			}
		} else if err := rserpool.CheckHandle(rserpool.Handle(pattern), limit); err != nil {
			r.fail(b.LabelRanges[0], "Unsuitable pattern", sentence(err))
			continue
		}
		p := registrar.PoolConfig{Pattern: pattern}
		table := poolBlock(&p, policies)
		r.read(&table, b.Body, poolPath(pattern))
		c.Registrar.Pools = append(c.Registrar.Pools, p)
	}
	r.refuseAmbiguity(wild)
}

// poolPath is the name of a pool block for masking.
func poolPath(pattern string) string { return "pool " + pattern }

type wildcard struct {
	pattern string
	at      hcl.Range
}

// refuseAmbiguity complains of patterns that are equally specific and can match
// the same handle. Only those with the same literal prefix and length can.
func (r *reader) refuseAmbiguity(wild []wildcard) {
	groups := map[string][]wildcard{}
	for _, w := range wild {
		prefix := w.pattern[:strings.IndexAny(w.pattern, "*?")]
		key := fmt.Sprintf("%d %s", len(w.pattern), prefix)
		for _, o := range groups[key] {
			if len(w.pattern) <= maxPattern && handlespace.Overlap(w.pattern, o.pattern) {
				r.fail(w.at, "Equally specific patterns",
					fmt.Sprintf("Patterns %q and %q (%s) can match the same handle, and neither is more specific. Make one of them longer, or divide them.", w.pattern, o.pattern, place(o.at)))
				break
			}
		}
		groups[key] = append(groups[key], w)
	}
}
