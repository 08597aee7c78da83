package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rspool/rspool/plugins/protocol"
)

// Type is what an attribute holds.
type Type uint8

// The types.
const (
	String        Type = Type(protocol.Attribute_STRING)
	Number        Type = Type(protocol.Attribute_NUMBER)
	Integer       Type = Type(protocol.Attribute_INTEGER)
	Bool          Type = Type(protocol.Attribute_BOOL)
	Duration      Type = Type(protocol.Attribute_DURATION) // as in "1m30s"
	ListOfStrings Type = Type(protocol.Attribute_LIST_OF_STRINGS)
	ListOfNumbers Type = Type(protocol.Attribute_LIST_OF_NUMBERS)
	MapOfStrings  Type = Type(protocol.Attribute_MAP_OF_STRINGS)
	MapOfNumbers  Type = Type(protocol.Attribute_MAP_OF_NUMBERS)
	// File is the path of a file. The registrar makes it absolute: relative ones
	// count from the configuration's folder.
	File Type = Type(protocol.Attribute_FILE)
)

// Attribute is one line of a config block. The registrar checks the block before
// the plugin sees it.
type Attribute struct {
	Name string // lower case, words joined by underscores
	Type Type
	Help string // one or two sentences
	// Required says that there is no default. Default is used where the block does
	// not have the attribute: a string, float64, int, bool, []any or map[string]any.
	Required bool
	Default  any
	// OneOf are the only values that a String may have, if not empty.
	OneOf []string
	// Minimum and Maximum bound a Number or an Integer, if not nil.
	Minimum, Maximum *float64
}

// Bound returns a pointer to f, for Attribute.Minimum and Maximum.
func Bound(f float64) *float64 { return &f }

func (a *Attribute) check() error {
	switch {
	case !attributeForm.MatchString(a.Name):
		return errors.New("use lower case and underscores, as in \"max_load\"")
	case a.Type < String || a.Type > File:
		return errors.New("it has no type")
	case a.Required && a.Default != nil:
		return errors.New("it is required and has a default: drop one")
	}
	_, err := a.protocol()
	return err
}

func (a *Attribute) protocol() (*protocol.Attribute, error) {
	p := &protocol.Attribute{
		Name:     a.Name,
		Type:     protocol.Attribute_Type(a.Type),
		Required: a.Required,
		Help:     a.Help,
		OneOf:    a.OneOf,
		Minimum:  a.Minimum,
		Maximum:  a.Maximum,
	}
	if a.Default != nil {
		v, err := structpb.NewValue(plain(a.Default))
		if err != nil {
			return nil, fmt.Errorf("default: %w", err)
		}
		p.Default = v
	}
	return p, nil
}

// plain turns the slices and maps that authors write into those that a structpb
// value is made of, and durations into text.
func plain(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case []string:
		return list(v)
	case []float64:
		return list(v)
	case map[string]string:
		return table(v)
	case map[string]float64:
		return table(v)
	}
	return v
}

func list[T any](s []T) []any {
	l := make([]any, len(s))
	for i, v := range s {
		l[i] = v
	}
	return l
}

func table[T any](m map[string]T) map[string]any {
	t := make(map[string]any, len(m))
	for k, v := range m {
		t[k] = v
	}
	return t
}

// Config is a config block that fits its schema, defaults included: strings,
// float64, bool, []any and map[string]any by attribute.
type Config map[string]any

// Has reports whether there is a value, given or by default.
func (c Config) Has(name string) bool { return c[name] != nil }

// String returns a String or a File, empty where there is none.
func (c Config) String(name string) string {
	s, _ := c[name].(string)
	return s
}

// Number returns a Number or an Integer, 0 where there is none.
func (c Config) Number(name string) float64 {
	f, _ := c[name].(float64)
	return f
}

// Bool returns a Bool, false where there is none.
func (c Config) Bool(name string) bool {
	b, _ := c[name].(bool)
	return b
}

// Duration returns a Duration, 0 where there is none.
func (c Config) Duration(name string) time.Duration {
	d, _ := duration(c.String(name)) // the registrar has checked it
	return d
}

// Strings returns a ListOfStrings.
func (c Config) Strings(name string) []string { return slice[string](c[name]) }

// Numbers returns a ListOfNumbers.
func (c Config) Numbers(name string) []float64 { return slice[float64](c[name]) }

// StringMap returns a MapOfStrings.
func (c Config) StringMap(name string) map[string]string { return mapping[string](c[name]) }

// NumberMap returns a MapOfNumbers.
func (c Config) NumberMap(name string) map[string]float64 { return mapping[float64](c[name]) }

// Decode sets the fields of the struct that v points to, by their json tags.
// Durations are strings.
func (c Config) Decode(v any) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func slice[T any](v any) []T {
	l, _ := v.([]any)
	out := make([]T, 0, len(l))
	for _, e := range l {
		if t, ok := e.(T); ok {
			out = append(out, t)
		}
	}
	return slices.Clip(out)
}

func mapping[T any](v any) map[string]T {
	m, _ := v.(map[string]any)
	out := make(map[string]T, len(m))
	for k, e := range m {
		if t, ok := e.(T); ok {
			out[k] = t
		}
	}
	return out
}
