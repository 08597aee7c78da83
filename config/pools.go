package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/registrar"
)

const (
	maxPoolBlocks = 10_000
	maxWildcards  = 1000 // patterns with * or ?: each is compared with the others
	maxPattern    = 255  // bytes of a pattern with * or ?
)

func poolBlock(p *registrar.PoolConfig, known *references) block {
	return reloaded(block{
		name:   "pool",
		labels: []string{"pattern"},
		sample: []string{"*"},
		doc:    "Pools whose handles match the pattern, in which * stands for any bytes and ? for one. The most specific pattern applies: the handle itself, then the longest literal prefix, then the longest pattern.",
		fields: []field{
			{name: "policy", example: `"least-used"`, doc: "The selection policy: builtin.NAME, lua.NAME or plugin.NAME. If absent, the one that the pool's first element registers.", value: known.value(&p.Policy)},
			{name: "fallback", example: `["builtin.least-used", "builtin.round-robin"]`, doc: "The policies that follow where the first fails, in this order. The last must not fail: round-robin comes behind one that is not built in. If absent, it is the only one.", value: known.list(&p.Fallback)},
			{name: "when_none", def: `"fallback"`, doc: "What becomes of a request for which the policy finds nobody eligible: \"fallback\" has the next policy answer it, \"empty\" answers with nobody.", value: whenNone(&p.WhenNone)},
			{name: "wire_policy", example: `"round-robin"`, doc: "The policy that elements must register and users are told. If absent, that of the pool's first element.", value: policyType(&p.WirePolicy)},
			{name: "max_items", example: "3", doc: "Elements in an answer where the user asks for no number. If absent, the registrar's.", value: integer(&p.MaxItems, 1, 1000)},
			{name: "max_increment", example: "1", doc: "Leading elements of an answer that count as selected. If absent, the registrar's.", value: integer(&p.MaxIncrement, 1, 1000)},
			{name: "max_elements", example: "1000", doc: "Elements of one pool. If absent, the registrar's max_pool_elements.", value: integer(&p.MaxElements, 1, 10_000_000)},
			{name: "allow", example: `["*.echo.example.org"]`, doc: "Who may register elements: patterns, with * and ?, of names in the certificates shown over TLS. Whoever came without a certificate may not. If absent, everybody may.", value: list("list of patterns", 100, &p.Allow, allowed)},
			{name: "tags", example: `{ "192.0.2.0/24" = { site = "small" } }`, doc: "What policies are told of elements, by their addresses: strings, numbers or truth values by name. Longer prefixes win, and all win over what elements say themselves. If absent, elements have the tags that they bring.", value: prefixed(&p.Tags, tagsOf, ctyOfTags)},
			{name: "attributes", example: `{ "198.51.100.0/24" = { region = "eu" } }`, doc: "What policies are told of requests, by the users' addresses: strings by name. If absent, requests have the attributes that they bring.", value: prefixed(&p.Requests, textsOf, ctyOfTexts)},
		},
		blocks: []block{
			{
				name: "breaker",
				doc:  "When a pool leaves a policy that fails. Built-in policies do not fail.",
				fields: []field{
					{name: "errors", def: "5", doc: "Faults within window that are too many.", value: integer(&p.Breaker.Errors, 1, 1000)},
					{name: "window", def: `"10s"`, doc: "The time in which they count.", value: duration(&p.Breaker.Window, 10*time.Millisecond, longest)},
					{name: "cooldown", def: `"30s"`, doc: "How long the policy is left alone. Then it is tried for the time of window, without its answers being used, and comes back if it does well.", value: duration(&p.Breaker.Cooldown, 10*time.Millisecond, longest)},
				},
			},
			{
				name: "shadow",
				doc:  "A policy to be compared with the one in use: it is asked about a share of the selections as well, nothing of it is used, and differing choices are counted.",
				fields: []field{
					{name: "policy", example: `"builtin.random"`, doc: "The policy. If absent, there is none.", value: known.value(&p.Shadow)},
					{name: "sample", def: "0.05", doc: "The share of selections.", value: fraction(&p.ShadowSample)},
				},
			},
		},
		check: func() (string, string) {
			chain := p.Fallback
			if p.Policy != "" {
				chain = append([]string{p.Policy}, p.Fallback...)
			}
			switch twice := repeated(chain); {
			case p.Policy == "" && len(p.Fallback) > 0:
				return "fallback", "Fallbacks follow a policy. Set policy."
			case twice != "":
				return "fallback", fmt.Sprintf("Policy %q is in the chain twice: where it fails once, it fails again.", twice)
			case p.Shadow != "" && p.Policy != "" && fullName(p.Shadow) == fullName(p.Policy):
				return "policy", "The policy in the shadow is the same as the one in use: there is nothing to compare."
			}
			if p.Shadow != "" && p.ShadowSample == 0 {
				p.ShadowSample = 0.05
			}
			return "", ""
		},
	})
}

// allowed is a pattern of names in certificates.
func allowed(s string) (string, error) {
	if s == "" || len(s) > maxPattern {
		return "", fmt.Errorf("%s has %d bytes; a pattern has 1 to %d", quote(s), len(s), maxPattern)
	}
	return s, nil
}

// whenNone is what becomes of a request for which nobody is eligible.
func whenNone(w *engine.WhenNone) value {
	words := []string{engine.Fallback.String(), engine.Empty.String()}
	return parsed("word", w,
		func(s string) (engine.WhenNone, error) {
			i := slices.Index(words, s)
			if i < 0 {
				return 0, fmt.Errorf("%s is not one of %s%s", quote(s), quoteAll(words), didYouMean(s, words))
			}
			return engine.WhenNone(i), nil
		},
		engine.WhenNone.String)
}

// readPools decodes the pool blocks, refuses the same pattern twice and patterns
// of which nobody could say which one applies.
func (r *reader) readPools(c *Config, blocks hcl.Blocks) {
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
		table := poolBlock(&p, c.known)
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
