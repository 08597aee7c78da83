package plugins

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rspool/rspool/internal/suggest"
	"github.com/rspool/rspool/plugins/protocol"
)

// Schema is what a config block may contain, in the plugin's order.
type Schema []Attribute

// Attribute describes one line of a config block.
type Attribute struct {
	Name             string
	Type             Type
	Required         bool
	Default          any // as in a config; nil: none
	Help             string
	OneOf            []string
	Minimum, Maximum *float64
}

// Type is what an attribute holds.
type Type uint8

// The types, and in brackets what holds them in a config.
const (
	String        Type = Type(protocol.Attribute_STRING)          // string
	Number        Type = Type(protocol.Attribute_NUMBER)          // float64
	Integer       Type = Type(protocol.Attribute_INTEGER)         // float64
	Bool          Type = Type(protocol.Attribute_BOOL)            // bool
	Duration      Type = Type(protocol.Attribute_DURATION)        // string as in "1m30s"
	ListOfStrings Type = Type(protocol.Attribute_LIST_OF_STRINGS) // []any
	ListOfNumbers Type = Type(protocol.Attribute_LIST_OF_NUMBERS) // []any
	MapOfStrings  Type = Type(protocol.Attribute_MAP_OF_STRINGS)  // map[string]any
	MapOfNumbers  Type = Type(protocol.Attribute_MAP_OF_NUMBERS)  // map[string]any
	File          Type = Type(protocol.Attribute_FILE)            // string, an absolute path
)

// String returns the type as configurations call it, as in "list(string)".
func (t Type) String() string {
	return [...]string{
		"any", "string", "number", "integer", "bool", "duration",
		"list(string)", "list(number)", "map(string)", "map(number)", "file",
	}[min(t, File)]
}

// ConfigError is what is wrong with a config block, or strange about it.
type ConfigError struct {
	Attribute string // empty: the block as a whole
	Summary   string
	Detail    string // what to do about it; may be empty
	Warning   bool   // the block works nevertheless
}

// Error implements error.
func (e *ConfigError) Error() string {
	s := e.Summary
	if e.Attribute != "" {
		s = "attribute " + e.Attribute + ": " + s
	}
	if e.Detail != "" {
		s += "; " + e.Detail
	}
	return s
}

// schemaOf checks what a plugin says.
func schemaOf(p *protocol.ConfigSchema) (Schema, error) {
	var s Schema
	if n := len(p.GetAttributes()); n > maxAttributes {
		return nil, fmt.Errorf("has %d attributes: at most %d", n, maxAttributes)
	}
	for _, q := range p.GetAttributes() {
		a := Attribute{
			Name: q.GetName(), Type: Type(q.GetType()), Required: q.GetRequired(),
			Help: line(q.GetHelp()), OneOf: q.GetOneOf(), Minimum: q.Minimum, Maximum: q.Maximum,
		}
		switch {
		case len(a.Name) > 64 || !attributeForm.MatchString(a.Name):
			return nil, fmt.Errorf("has an attribute %.80q, which is no name in lower case and underscores", a.Name)
		case s.find(a.Name) != nil:
			return nil, fmt.Errorf("has the attribute %q twice", a.Name)
		case q.GetType() < protocol.Attribute_STRING || q.GetType() > protocol.Attribute_FILE:
			return nil, fmt.Errorf("has the attribute %q of type %d, which this host does not know", a.Name, q.GetType())
		}
		for _, v := range a.OneOf {
			if line(v) != v {
				return nil, fmt.Errorf("has the attribute %q with the value %.80q, which is no plain text", a.Name, v)
			}
		}
		if q.GetDefault() != nil {
			a.Default = q.GetDefault().AsInterface()
			if e := a.check(a.Default); e != nil {
				return nil, fmt.Errorf("has a default that does not fit: %w", e)
			}
		}
		s = append(s, a)
	}
	return s, nil
}

func (s Schema) find(name string) *Attribute {
	for i := range s {
		if s[i].Name == name {
			return &s[i]
		}
	}
	return nil
}

// Complete returns a config with the defaults filled in, and what is wrong with it
// in order of the attributes. Numbers may be of any kind.
func (s Schema) Complete(config map[string]any) (map[string]any, []*ConfigError) {
	full := map[string]any{}
	var wrong []*ConfigError
	for _, name := range sorted(config) {
		a := s.find(name)
		if a == nil {
			wrong = append(wrong, s.unknown(name))
			continue
		}
		if config[name] == nil {
			continue // as if it were not there
		}
		v := normal(config[name])
		if e := a.check(v); e != nil {
			wrong = append(wrong, e)
		}
		full[name] = v
	}
	for i := range s {
		a := &s[i]
		if _, ok := full[a.Name]; ok {
			continue
		}
		if a.Required {
			wrong = append(wrong, &ConfigError{Attribute: a.Name, Summary: "it is required", Detail: a.Help})
		} else if a.Default != nil {
			full[a.Name] = a.Default
		}
	}
	return full, wrong
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func (s Schema) unknown(name string) *ConfigError {
	e := &ConfigError{Attribute: name, Summary: "the policy has no such attribute"}
	var names []string
	for _, a := range s {
		names = append(names, a.Name)
	}
	if near := suggest.Nearest(name, names); near != "" {
		e.Detail = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 {
		e.Detail = "it has " + strings.Join(names, ", ")
	} else {
		e.Detail = "it has none at all"
	}
	return e
}

// check says what is wrong with a value, nil if nothing is.
func (a *Attribute) check(v any) *ConfigError {
	wrong := func(format string, values ...any) *ConfigError {
		return &ConfigError{Attribute: a.Name, Summary: fmt.Sprintf(format, values...), Detail: a.Help}
	}
	switch a.Type {
	case String, File:
		s, ok := v.(string)
		if !ok {
			return wrong("it must be a string")
		}
		if len(a.OneOf) > 0 && !slices.Contains(a.OneOf, s) {
			return wrong("it is %q, and must be one of %s", s, strings.Join(a.OneOf, ", "))
		}
	case Number, Integer:
		f, ok := v.(float64)
		switch {
		case !ok || math.IsNaN(f) || math.IsInf(f, 0):
			return wrong("it must be a number")
		case a.Type == Integer && f != math.Trunc(f):
			return wrong("it is %g, and must be a whole number", f)
		case a.Minimum != nil && f < *a.Minimum:
			return wrong("it is %g, and must be at least %g", f, *a.Minimum)
		case a.Maximum != nil && f > *a.Maximum:
			return wrong("it is %g, and must be at most %g", f, *a.Maximum)
		}
	case Bool:
		if _, ok := v.(bool); !ok {
			return wrong("it must be true or false")
		}
	case Duration:
		s, ok := v.(string)
		if !ok {
			return wrong("it must be a duration as in \"1m30s\"")
		}
		if _, err := time.ParseDuration(s); err != nil {
			return wrong("it is %q, and must be a duration as in \"1m30s\"", s)
		}
	case ListOfStrings, ListOfNumbers:
		l, ok := v.([]any)
		if !ok || !all(slices.Values(l), a.Type == ListOfNumbers) {
			return wrong("it must be a %s", a.Type)
		}
	case MapOfStrings, MapOfNumbers:
		m, ok := v.(map[string]any)
		if !ok || !all(maps.Values(m), a.Type == MapOfNumbers) {
			return wrong("it must be a %s", a.Type)
		}
	}
	return nil
}

// all reports whether all values are numbers, or strings.
func all(values func(func(any) bool), numbers bool) bool {
	for v := range values {
		_, s := v.(string)
		_, f := v.(float64)
		if numbers && !f || !numbers && !s {
			return false
		}
	}
	return true
}

// normal makes float64 of all numbers, and []any and map[string]any of all lists
// and maps that programs may hand in.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case time.Duration:
		return v.String()
	case []string:
		return normalList(v)
	case []float64:
		return normalList(v)
	case []any:
		return normalList(v)
	case map[string]string:
		return normalMap(v)
	case map[string]float64:
		return normalMap(v)
	case map[string]any:
		return normalMap(v)
	}
	return v
}

func normalList[T any](l []T) []any {
	n := make([]any, len(l))
	for i, v := range l {
		n[i] = normal(v)
	}
	return n
}

func normalMap[T any](m map[string]T) map[string]any {
	n := make(map[string]any, len(m))
	for k, v := range m {
		n[k] = normal(v)
	}
	return n
}

// asStruct returns a complete config in the form of the protocol.
func asStruct(config map[string]any) (*structpb.Struct, error) {
	s, err := structpb.NewStruct(config)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return s, nil
}

// diagnostics returns what a plugin says about a config.
func diagnostics(r *protocol.ValidateReply) []*ConfigError {
	var all []*ConfigError
	for _, d := range r.GetDiagnostics()[:min(len(r.GetDiagnostics()), maxAttributes)] {
		all = append(all, &ConfigError{
			Attribute: line(d.GetAttribute()),
			Summary:   cmp.Or(line(d.GetSummary()), "the plugin refuses it without a word"),
			Detail:    line(d.GetDetail()),
			Warning:   d.GetSeverity() > protocol.Severity_ERROR,
		})
	}
	return all
}

// refusal joins those that are no warnings, nil if there are none.
func refusal(wrong []*ConfigError) error {
	var errs []error
	for _, e := range wrong {
		if !e.Warning {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}
