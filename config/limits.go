package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// MaxFileSize is the largest file that is read, in bytes.
const MaxFileSize = 1 << 20

// What a file may be like. The parser and the evaluation of expressions are
// recursive, and a Go program does not survive an overflow of its stack, so the
// nesting is measured on the tokens before the parser sees them.
const (
	maxNesting  = 100  // brackets, braces, templates
	maxRun      = 1000 // operators in a row: -, !, ?:, [0], %{if}
	maxExponent = 1024 // bits of a number's exponent: 1e300 is fine, 1e999999999 is not
)

// checkNesting reports the first place where HCL text goes too deep, or nil.
func checkNesting(src []byte, filename string) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	return nesting(tokens)
}

// A bracket is one open bracket.
type bracket struct {
	lines bool // line ends separate what stands in it
	run   int  // operators since the last separator
}

func nesting(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	open := []bracket{{lines: true}}
	for _, t := range tokens {
		top := &open[len(open)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace:
			open = append(open, bracket{lines: true})
		case hclsyntax.TokenOBrack, hclsyntax.TokenOParen:
			top.run++ // an index, or a call of what stands before it
			open = append(open, bracket{})
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			open = append(open, bracket{})
		case hclsyntax.TokenTemplateControl:
			top.run++
			open = append(open, bracket{})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		case hclsyntax.TokenComma:
			top.run = 0
		case hclsyntax.TokenNewline:
			if top.lines {
				top.run = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComment:
		case hclsyntax.TokenNumberLit:
			if !sensible(string(t.Bytes)) {
				return tooMuch(t.Range, "A number is too large or too small: its exponent may have three digits.")
			}
		default:
			top.run++
		}
		if len(open) > maxNesting+1 {
			return tooMuch(t.Range, fmt.Sprintf("The file is nested more than %d levels deep.", maxNesting))
		}
		if top.run > maxRun {
			return tooMuch(t.Range, fmt.Sprintf("An expression has more than %d operators. Break it up with locals.", maxRun))
		}
	}
	return nil
}

// checkJSONNesting is checkNesting for the JSON form, whose strings are
// templates.
func checkJSONNesting(src []byte, filename string) *hcl.Diagnostic {
	depth := 0
	offset, err := eachJSONToken(src, func(t json.Token) error {
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxNesting {
				return fmt.Errorf("the file is nested more than %d levels deep", maxNesting)
			}
		case json.Number:
			if !sensible(string(t)) {
				return errors.New("a number is too large or too small: its exponent may have three digits")
			}
		case string:
			tokens, _ := hclsyntax.LexTemplate([]byte(t), filename, hcl.InitialPos)
			if d := nesting(tokens); d != nil {
				return fmt.Errorf("a string holds a template that is too deep: %s", d.Detail)
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	at := position(src, filename, offset)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The parser of hcl goes on where encoding/json stops, into text that
		// was not looked at: the file ends here.
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid JSON", Detail: sentence(err), Subject: &at}
	}
	return tooMuch(at, sentence(err))
}

// eachJSONToken calls f for every token until one of them fails or src is no
// JSON any more. It returns the offset behind the last token. Numbers are
// json.Number.
func eachJSONToken(src []byte, f func(json.Token) error) (offset int64, err error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return dec.InputOffset(), nil
		}
		if err == nil {
			err = f(t)
		}
		if err != nil {
			return dec.InputOffset(), err
		}
	}
}

// position is the place of one byte.
func position(src []byte, filename string, offset int64) hcl.Range {
	before := src[:min(max(offset, 0), int64(len(src)))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	p := hcl.Pos{Line: line, Column: column, Byte: len(before)}
	return hcl.Range{Filename: filename, Start: p, End: p}
}

func tooMuch(at hcl.Range, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Too deep or too large", Detail: detail, Subject: &at}
}

// sensible reports whether a number can be written out without harm.
func sensible(number string) bool {
	if i := strings.IndexAny(number, "eE"); i >= 0 && len(strings.TrimLeft(number[i+1:], "+-0")) > 3 {
		return false
	}
	if len(number) > 400 {
		return false
	}
	f, _, err := big.ParseFloat(number, 10, 512, big.ToNearestEven)
	return err != nil || sensibleFloat(f)
}

func sensibleFloat(f *big.Float) bool {
	if f.IsInf() {
		return false
	}
	e := f.MantExp(nil)
	return -maxExponent <= e && e <= maxExponent
}
