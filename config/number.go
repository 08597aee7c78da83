package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	rserpool "github.com/rspool/rspool"
)

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
func integer[T int | int64 | uint16 | uint32](n *T, least, most T) value {
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
func size[T int | int64](n *T, least, most T) value {
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
			i, err := wholeNumber(v, -1<<40, 1<<40)
			if err != nil {
				return err
			}
			if i *= factor; i < int64(least) || i > int64(most) {
				return fmt.Errorf("%d bytes are out of range: it may be from %d to %d", i, least, most)
			}
			*n = T(i)
			return nil
		},
		get: func() (cty.Value, bool) { return cty.NumberIntVal(int64(*n)), *n != 0 },
	}
}

// fraction is a number above 0 and up to 1.
func fraction(f *float64) value {
	return value{
		kind: "share",
		set: func(v cty.Value) error {
			n, err := convert.Convert(v, cty.Number)
			if err != nil || n.IsNull() {
				return errors.New("a share is a number from 0 to 1, as in 0.05")
			}
			x, _ := n.AsBigFloat().Float64()
			if !(x > 0 && x <= 1) {
				return fmt.Errorf("%s is out of range: it is a share above 0 and up to 1, as in 0.05", numberText(n))
			}
			*f = x
			return nil
		},
		get: func() (cty.Value, bool) { return cty.NumberFloatVal(*f), *f != 0 },
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
		get: func() (cty.Value, bool) { return cty.NumberFloatVal(shortestShare(*l)), *l != 0 },
	}
}

// shortestShare is the number with the fewest digits that stands for a load.
func shortestShare(l rserpool.Load) float64 {
	f := l.Float64()
	for digits := 1; digits < 12; digits++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
		if err == nil && rserpool.LoadOf(short) == l {
			return short
		}
	}
	return f
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
