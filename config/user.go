package config

import (
	"fmt"
	"slices"
)

func (u *User) block(known *references) block {
	h := &u.HostConfig
	return block{
		name: "user",
		doc:  "A user: resolves handles and opens sessions.",
		fields: slices.Concat([]field{
			{name: "policy", example: `"builtin.least-used"`, doc: "The policy by which elements are selected from the cache; it needs cache_time. If absent, that of the pool.", value: known.value(&u.PolicyName)},
			{name: "fallback", example: `["builtin.random"]`, doc: "The policies that follow where it fails, in this order. If absent, round-robin.", value: known.list(&u.Fallback)},
			{name: "attributes", example: `{ region = "eu" }`, doc: "What the user says of its requests, for policies to go by: strings by name. If absent, nothing.", value: texts(32, &u.Attributes)},
			{name: "items", example: "3", doc: "Elements asked for in a resolution. If absent, 1 without a cache and the registrar's choice with one.", value: integer(&u.Items, 1, 1000)},
			{name: "cache_time", example: `"10s"`, doc: "stale_cache_value: how long an answer serves further requests. If absent, answers are not cached.", value: duration(&u.CacheTime, shortest, longest)},
			{name: "subscribe", def: "false", doc: "Asks for pushed updates of cached pools.", value: boolean(&u.Subscribe)},
			{name: "connect_timeout", def: `"7.5s"`, doc: "How long an element may take to accept an association.", value: duration(&u.ConnectTimeout, shortest, longest)},
			{name: "failover", def: "true", doc: "Whether a session outlives its element.", value: negated(&u.NoFailover)},
			{name: "failover_timeout", def: `"1m"`, doc: "How long a session looks for a new element before it fails, or \"never\".", value: durationOrNever(&u.FailoverTimeout, shortest, longest)},
			{name: "failover_delay", def: `"250ms"`, doc: "The wait before the next attempt when no element was found.", value: duration(&u.FailoverDelay, shortest, longest)},
		}, hostFields(h)),
		blocks: hostBlocks(h),
		check: func() (string, string) {
			if u.Subscribe && u.CacheTime == 0 {
				return "subscribe", "Updates need a cache to go to. Set cache_time."
			}
			chain := append([]string{u.PolicyName}, u.Fallback...)
			switch twice := repeated(chain); {
			case u.PolicyName == "" && len(u.Fallback) > 0:
				return "fallback", "Fallbacks follow a policy. Set policy."
			case twice != "":
				return "fallback", fmt.Sprintf("Policy %q is in the chain twice: where it fails once, it fails again.", twice)
			case u.PolicyName != "" && u.CacheTime == 0:
				return "policy", "A policy selects from a cache. Set cache_time."
			}
			return "", ""
		},
	}
}
