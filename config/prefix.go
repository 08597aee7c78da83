package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/zclconf/go-cty/cty"

	rserpool "github.com/rspool/rspool"
)

const (
	maxPrefixes = 1000
	maxTags     = 64 // of one prefix
)

// prefixed is a map from address prefixes to maps: what is said about those whose
// addresses they hold. parse and format are for one of the maps within.
func prefixed[T any](m *map[netip.Prefix]T, parse func(cty.Value) (T, error), format func(T) cty.Value) value {
	return value{
		kind: "map by address prefix",
		set: func(v cty.Value) error {
			if !v.Type().IsObjectType() && !v.Type().IsMapType() {
				return fmt.Errorf("it is a map by address prefix, as in { \"192.0.2.0/24\" = { site = \"small\" } }, not %s", typeText(v))
			}
			if n := v.LengthInt(); n > maxPrefixes {
				return fmt.Errorf("the map has %d prefixes; at most %d are allowed", n, maxPrefixes)
			}
			out := map[netip.Prefix]T{}
			within := v.AsValueMap()
			for _, text := range slices.Sorted(maps.Keys(within)) {
				p, err := parsePrefix(text)
				if err != nil {
					return err
				}
				if _, ok := out[p]; ok {
					return fmt.Errorf("prefix %s is there twice", p)
				}
				if within[text].IsNull() {
					continue
				}
				if out[p], err = parse(within[text]); err != nil {
					return fmt.Errorf("prefix %s: %w", p, err)
				}
			}
			*m = out
			return nil
		},
		get: func() (cty.Value, bool) {
			out := make(map[string]cty.Value, len(*m))
			for p, t := range *m {
				out[p.String()] = format(t)
			}
			return cty.ObjectVal(out), len(out) > 0
		},
	}
}

// parsePrefix reads a prefix, or an address for one that holds nothing else.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return p, fmt.Errorf("%s is not an address prefix; write one as in \"192.0.2.0/24\" or \"2001:db8::/32\"", quote(s))
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if m := p.Masked(); m != p {
		return p, fmt.Errorf("%s has address bits beyond its length; %s is meant, probably", quote(s), m)
	}
	return p, nil
}

// tags are what an element says of itself.
func tags(t *rserpool.Tags) value {
	return value{
		kind: "map",
		set: func(v cty.Value) error {
			out, err := tagsOf(v)
			if err == nil {
				err = out.Check()
			}
			if err == nil {
				*t = out
			}
			return err
		},
		get: func() (cty.Value, bool) { return ctyOfTags(*t), len(*t) > 0 },
	}
}

func tagsOf(v cty.Value) (rserpool.Tags, error) {
	m, err := flat(v, maxTags)
	return rserpool.Tags(m), err
}

func ctyOfTags(t rserpool.Tags) cty.Value { return ctyOf(map[string]any(t)) }

func textsOf(v cty.Value) (map[string]string, error) {
	m, err := flat(v, maxTags)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		s, ok := m[name].(string)
		if !ok {
			err = cmp.Or(err, errors.New(name+" is no string; write it in quotation marks"))
		}
		out[name] = s
	}
	return out, err
}

func ctyOfTexts(t map[string]string) cty.Value {
	m := make(map[string]any, len(t))
	for k, v := range t {
		m[k] = v
	}
	return ctyOf(m)
}
