package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/suggest"
	"github.com/rspool/rspool/internal/transport/sctp"
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

// ipAddresses is one IP address, or several with commas between them.
func ipAddresses(s *string) value {
	return parsed("address", s,
		func(text string) (string, error) {
			ips, err := sctp.ParseListen(text)
			if err != nil || text == "" {
				return "", fmt.Errorf("%s is not an IP address; write one as in \"192.0.2.1\" or \"2001:db8::1\", without a port, or several with commas between them", quote(text))
			}
			texts := make([]string, len(ips))
			for i, ip := range ips {
				texts[i] = ip.String()
			}
			return strings.Join(texts, ","), nil
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

// Sentence turns an error message into a sentence.
func Sentence(err error) string { return sentence(err) }

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
