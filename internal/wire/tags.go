package wire

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	rserpool "github.com/rspool/rspool"
)

// TagKind says what a value in a Tags or Attributes parameter is. Each value stands
// behind its kind, the length of its name and its own length, of one, one and two
// bytes, and its name.
type TagKind uint8

// The kinds.
const (
	TagString TagKind = iota
	TagNumber         // eight bytes, a float64 of IEEE 754
	TagBool           // one byte, zero or one
)

// Tags reads a Tags parameter, if one follows. Without it, they are nil.
func (c *Cursor) Tags() rserpool.Tags {
	if c.Next() != ElementTags {
		return nil
	}
	f := c.enter(ElementTags)
	tags := rserpool.Tags{}
	c.tags(func(kind TagKind, name string, value []byte) string {
		if _, twice := tags[name]; twice {
			return "has a name twice"
		}
		switch {
		case kind == TagString:
			tags[name] = string(value)
		case kind == TagNumber && len(value) == 8:
			v := math.Float64frombits(binary.BigEndian.Uint64(value))
			if v-v != 0 {
				return "has a number that is none"
			}
			tags[name] = v
		case kind == TagBool && len(value) == 1 && value[0] <= 1:
			tags[name] = value[0] == 1
		default:
			return "has a value of no known kind"
		}
		return ""
	})
	c.leave(f)
	return tags
}

// AppendTags writes a Tags parameter, in order of the names, unless there are none.
// Values that are none are left out; see rserpool.Tags.Check.
func AppendTags(b []byte, tags rserpool.Tags) []byte {
	if len(tags) == 0 {
		return b
	}
	b, start := begin(b, ElementTags)
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		switch v := tags[name].(type) {
		case string:
			b = append(appendTag(b, TagString, name, len(v)), v...)
		case float64:
			b = binary.BigEndian.AppendUint64(appendTag(b, TagNumber, name, 8), math.Float64bits(v))
		case bool:
			b = appendTag(b, TagBool, name, 1)
			if v {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	}
	return finish(b, start)
}

// TagsLen returns the length of the Tags parameter that AppendTags writes.
func TagsLen(tags rserpool.Tags) int {
	if len(tags) == 0 {
		return 0
	}
	n := headerLen
	for name, value := range tags {
		n += 4 + len(name) + 8
		if s, ok := value.(string); ok {
			n += len(s)
		}
	}
	return pad(n)
}

// Attributes reads an Attributes parameter, if one follows. Without it, they are nil.
func (c *Cursor) Attributes() map[string]string {
	if c.Next() != RequestAttributes {
		return nil
	}
	f := c.enter(RequestAttributes)
	attributes := map[string]string{}
	c.tags(func(kind TagKind, name string, value []byte) string {
		if kind != TagString {
			return "has a value that is not text"
		}
		if _, twice := attributes[name]; twice {
			return "has a name twice"
		}
		attributes[name] = string(value)
		return ""
	})
	c.leave(f)
	return attributes
}

// AppendAttributes writes an Attributes parameter, in order of the names, unless
// there are none.
func AppendAttributes(b []byte, attributes map[string]string) []byte {
	if len(attributes) == 0 {
		return b
	}
	b, start := begin(b, RequestAttributes)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		v := attributes[name]
		b = append(appendTag(b, TagString, name, len(v)), v...)
	}
	return finish(b, start)
}

func appendTag(b []byte, kind TagKind, name string, length int) []byte {
	b = append(b, byte(kind), byte(len(name)))
	b = AppendUint16(b, uint16(length))
	return append(b, name...)
}

// tags reads the values of the open parameter. The function takes each, and returns
// what is wrong with it, if anything.
func (c *Cursor) tags(take func(kind TagKind, name string, value []byte) string) {
	rest := c.rest()
	if len(rest) > rserpool.MaxTagBytes {
		c.fail("is too long")
		return
	}
	for n := 0; len(rest) > 0; n++ {
		if n == rserpool.MaxTags {
			c.fail("has too many values")
			return
		}
		if len(rest) < 4 {
			c.fail("is too short")
			return
		}
		kind, name, value := TagKind(rest[0]), int(rest[1]), int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[4:]
		switch {
		case name == 0 || name > rserpool.MaxTagName || value > rserpool.MaxTagString:
			c.fail("has a name or value of the wrong length")
			return
		case len(rest) < name+value:
			c.fail("is too short")
			return
		}
		if wrong := take(kind, string(rest[:name]), rest[name:name+value]); wrong != "" {
			c.fail(wrong)
			return
		}
		rest = rest[name+value:]
	}
}
