package config

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/suggest"
)

// A value connects an attribute with the Go variable that it sets.
type value struct {
	kind string // what an attribute of this kind is, as in "duration"
	// set takes a known value that is not null. Its error is for the person who
	// wrote it.
	set func(cty.Value) error
	// get returns what the variable holds, and false where that is the default.
	get func() (cty.Value, bool)
}

// duration is a string such as "500ms", between least and most.
func duration(d *time.Duration, least, most time.Duration) value {
	return value{
		kind: "duration",
		set: func(v cty.Value) error {
			if v.Type() == cty.Number {
				return fmt.Errorf("a duration needs a unit; write %s, for example", strconv.Quote(numberText(v)+"s"))
			}
			s, err := stringOf(v)
			if err != nil {
				return err
			}
			t, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("%s is not a duration; write a number and its unit, as in \"500ms\", \"5s\" or \"1m30s\"", quote(s))
			}
			if t < least || t > most {
				return fmt.Errorf("%s is out of range: it may be from %s to %s", quote(s), formatDuration(least), formatDuration(most))
			}
			*d = t
			return nil
		},
		get: func() (cty.Value, bool) { return cty.StringVal(formatDuration(*d)), *d != 0 },
	}
}

// durationOrNever is a duration, or the word "never", which becomes -1.
func durationOrNever(d *time.Duration, least, most time.Duration) value {
	v := duration(d, least, most)
	set, get := v.set, v.get
	v.set = func(v cty.Value) error {
		if isWord(v, "never") {
			*d = -1
			return nil
		}
		return set(v)
	}
	v.get = func() (cty.Value, bool) {
		if *d < 0 {
			return cty.StringVal("never"), true
		}
		return get()
	}
	return v
}

// formatDuration writes d without the zero parts of time.Duration.String.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// integer is a whole number between least and most.
func integer[T int | uint16 | uint32](n *T, least, most T) value {
	return value{
		kind: "number",
		set: func(v cty.Value) error {
			i, err := wholeNumber(v, int64(least), int64(most))
			if err == nil {
				*n = T(i)
			}
			return err
		},
		get: func() (cty.Value, bool) { return cty.NumberIntVal(int64(*n)), *n != 0 },
	}
}

// port is a port number, or the word "any", which becomes free.
func port[T int | uint16](n *T, free T) value {
	return value{
		kind: "port",
		set: func(v cty.Value) error {
			if isWord(v, "any") {
				*n = free
				return nil
			}
			i, err := wholeNumber(v, 1, 65535)
			if err != nil {
				return fmt.Errorf("%w; write \"any\" for a free port", err)
			}
			*n = T(i)
			return nil
		},
		get: func() (cty.Value, bool) {
			if *n == free {
				return cty.StringVal("any"), free != 0
			}
			return cty.NumberIntVal(int64(*n)), *n != 0
		},
	}
}

// size is a number of bytes: a number, or a string with a unit such as "4KiB".
func size(n *int, least, most int) value {
	return value{
		kind: "size",
		set: func(v cty.Value) error {
			factor := int64(1)
			if v.Type() == cty.String {
				s := strings.TrimSpace(v.AsString())
				for _, u := range []struct {
					name   string
					factor int64
				}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}} {
					if rest, ok := strings.CutSuffix(s, u.name); ok {
						s, factor = strings.TrimSpace(rest), u.factor
						break
					}
				}
				i, err := strconv.ParseInt(s, 10, 32)
				if err != nil {
					return fmt.Errorf("%s is not a size; write a number of bytes, or one with a unit, as in \"4KiB\" or \"1MiB\"", quote(v.AsString()))
				}
				v = cty.NumberIntVal(i)
			}
			i, err := wholeNumber(v, -1<<31, 1<<31)
			if err != nil {
				return err
			}
			if i *= factor; i < int64(least) || i > int64(most) {
				return fmt.Errorf("%d bytes are out of range: it may be from %d to %d", i, least, most)
			}
			*n = int(i)
			return nil
		},
		get: func() (cty.Value, bool) { return cty.NumberIntVal(int64(*n)), *n != 0 },
	}
}

// share is a number from 0 to 1, kept in the RFC's 32-bit form.
func share(l *rserpool.Load) value {
	return value{
		kind: "share",
		set: func(v cty.Value) error {
			v, err := convert.Convert(v, cty.Number)
			if err != nil {
				return errors.New("a share is a number from 0 to 1, as in 0.25")
			}
			f, _ := v.AsBigFloat().Float64()
			if !(f >= 0 && f <= 1) {
				return fmt.Errorf("%s is out of range: a share is a number from 0 to 1, as in 0.25", numberText(v))
			}
			*l = rserpool.LoadOf(f)
			return nil
		},
		get: func() (cty.Value, bool) { return cty.NumberFloatVal(l.Float64()), *l != 0 },
	}
}

// boolean is true or false.
func boolean(b *bool) value {
	return value{
		kind: "truth value",
		set: func(v cty.Value) error {
			v, err := convert.Convert(v, cty.Bool)
			if err != nil {
				return errors.New("it is either true or false")
			}
			*b = v.True()
			return nil
		},
		get: func() (cty.Value, bool) { return cty.BoolVal(*b), true },
	}
}

// negated is a boolean that the variable holds the other way round.
func negated(b *bool) value {
	v := boolean(b)
	set := v.set
	v.set = func(v cty.Value) error {
		err := set(v)
		if err == nil {
			*b = !*b
		}
		return err
	}
	v.get = func() (cty.Value, bool) { return cty.BoolVal(!*b), true }
	return v
}

// word is one of a few words.
func word(s *string, allowed ...string) value {
	return parsed("word", s,
		func(text string) (string, error) {
			for _, w := range allowed {
				if text == w {
					return w, nil
				}
			}
			return "", fmt.Errorf("%s is not one of %s%s", quote(text), quoteAll(allowed), didYouMean(text, allowed))
		},
		func(s string) string { return s })
}

// identifier is an element or registrar ID as a string: HCL has no hexadecimal
// numbers.
func identifier[T rserpool.ElementID | rserpool.RegistrarID](id *T) value {
	return parsed("identifier", id,
		func(s string) (T, error) {
			v, err := rserpool.ParseID(s)
			if err != nil {
				return 0, fmt.Errorf("%s is not an identifier; write eight hexadecimal digits as a string, as in \"0x2f1a93c4\" (zero is invalid)", quote(s))
			}
			return T(v), nil
		},
		func(id T) string { return fmt.Sprintf("0x%08x", uint32(id)) })
}

// ipAddress is an address of this machine.
func ipAddress(s *string) value {
	return parsed("address", s,
		func(text string) (string, error) {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return "", fmt.Errorf("%s is not an IP address; write one as in \"192.0.2.1\" or \"2001:db8::1\", without a port", quote(text))
			}
			return a.String(), nil
		},
		func(s string) string { return s })
}

// parsed is a string that parse understands; the zero value is the default.
func parsed[T comparable](kind string, p *T, parse func(string) (T, error), format func(T) string) value {
	return value{
		kind: kind,
		set: func(v cty.Value) error {
			s, err := stringOf(v)
			if err != nil {
				return err
			}
			t, err := parse(s)
			if err == nil {
				*p = t
			}
			return err
		},
		get: func() (cty.Value, bool) {
			var zero T
			return cty.StringVal(format(*p)), *p != zero
		},
	}
}

// list is a list of strings, each of which parse understands.
func list(kind string, most int, l *[]string, parse func(string) (string, error)) value {
	return value{
		kind: kind,
		set: func(v cty.Value) error {
			if !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
				return errors.New("it is a list of strings, as in [\"a\", \"b\"]")
			}
			if n := v.LengthInt(); n > most {
				return fmt.Errorf("the list has %d entries; at most %d are allowed", n, most)
			}
			var out []string
			for it := v.ElementIterator(); it.Next(); {
				_, e := it.Element()
				s, err := stringOf(e)
				if err != nil {
					return err
				}
				if s, err = parse(s); err != nil {
					return err
				}
				out = append(out, s)
			}
			*l = out
			return nil
		},
		get: func() (cty.Value, bool) {
			vals := make([]cty.Value, len(*l))
			for i, s := range *l {
				vals[i] = cty.StringVal(s)
			}
			return cty.TupleVal(vals), len(vals) > 0
		},
	}
}

func stringOf(v cty.Value) (string, error) {
	if v.IsNull() || v.Type() != cty.String {
		return "", fmt.Errorf("it is a string in quotation marks, not %s", typeText(v))
	}
	return v.AsString(), nil
}

func isWord(v cty.Value, w string) bool {
	return v.Type() == cty.String && v.AsString() == w
}

func typeText(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return "a " + v.Type().FriendlyName()
}

// wholeNumber never builds a number larger than its bounds: HCL's have any size.
func wholeNumber(v cty.Value, least, most int64) (int64, error) {
	n, err := convert.Convert(v, cty.Number)
	if err != nil || n.IsNull() {
		return 0, fmt.Errorf("it is a number, not %s", typeText(v))
	}
	f := n.AsBigFloat()
	if f.Cmp(new(big.Float).SetInt64(least)) < 0 || f.Cmp(new(big.Float).SetInt64(most)) > 0 {
		return 0, fmt.Errorf("%s is out of range: it may be from %d to %d", numberText(n), least, most)
	}
	if !f.IsInt() {
		return 0, fmt.Errorf("%s is not a whole number", numberText(n))
	}
	i, _ := f.Int64()
	return i, nil
}

// numberText is short however large the number is.
func numberText(v cty.Value) string { return v.AsBigFloat().Text('g', 10) }

// quote shortens what somebody wrote to what fits a message.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// didYouMean ends an error message with the nearest of the allowed words.
func didYouMean(word string, allowed []string) string {
	if n := suggest.Nearest(word, allowed); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// sentence turns an error message into one.
func sentence(err error) string {
	s := err.Error()
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func quoteAll(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	return strings.Join(q, ", ")
}
