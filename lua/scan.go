package lua

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/yuin/gopher-lua/parse"
)

// What a file may have. Parser and compiler work by recursion on the Go stack,
// and some of their work grows with the square of these numbers: 64 KiB of
// additions take them half a minute.
const (
	maxSource    = 64 << 10 // bytes
	maxNesting   = 200      // brackets, blocks, and operators in one expression
	maxWords     = 4096     // different names, numbers and strings
	maxFunctions = 512
)

// level is an open bracket or block. An expression is as deep as its deepest
// operand and its operators; a block is as deep as its deepest expression.
type level struct {
	deepest   int // finished expression
	operand   int // deepest operand of the present expression
	operators int // of the present expression
	branches  int // elseif, each of which nests in the one before
	ended     bool
	loop      bool // between while or for and its do
}

func (l *level) depth() int { return l.branches + max(l.deepest, l.operand+l.operators) }

// next begins another expression.
func (l *level) next() {
	l.deepest = max(l.deepest, l.operand+l.operators)
	l.operand, l.operators, l.ended = 0, 0, false
}

// scanner measures a source token by token, before the parser sees it.
type scanner struct {
	source    *source
	levels    []level
	words     map[string]struct{}
	functions int
}

// check reports why the source may not be given to the parser.
func (s *source) check() *Error {
	if len(s.text) > maxSource {
		return s.errorf(0, "the file has %d bytes, more than %d: keep data in the config block", len(s.text), maxSource)
	}
	if !utf8.ValidString(s.text) {
		return s.errorf(0, "the file is not UTF-8 text")
	}
	sc := &scanner{source: s, levels: make([]level, 1), words: map[string]struct{}{}}
	tokens := parse.NewScanner(strings.NewReader(s.text), s.file)
	state := &parse.Lexer{}
	for {
		token, err := tokens.Scan(state)
		if err != nil {
			var e *parse.Error
			if errors.As(err, &e) && e.Pos.Line == parse.EOF {
				return s.errorf(strings.Count(s.text, "\n")+1, "%s", e.Message)
			}
			return s.convert(err)
		}
		if token.Type == parse.EOF {
			return nil
		}
		state.PrevTokenType = token.Type
		if e := sc.token(token.Type, token.Str, token.Pos.Line); e != nil {
			return e
		}
	}
}

func (sc *scanner) token(kind int, text string, line int) *Error {
	top := &sc.levels[len(sc.levels)-1]
	switch kind {
	case parse.TIdent, parse.TNumber, parse.TString:
		sc.words[text] = struct{}{}
		if len(sc.words) > maxWords {
			return sc.source.errorf(line, "more than %d different names, numbers and strings: keep data in the config block", maxWords)
		}
		if top.ended && kind == parse.TString {
			top.operators++ // f "argument"
		} else if top.ended {
			top.next()
		}
		top.ended = true
	case parse.TNil, parse.TTrue, parse.TFalse, parse.T3Comma:
		top.ended = true
	case '+', '-', '*', '/', '%', '^', '#', '<', '>', '.', ':', parse.TAnd, parse.TOr, parse.TNot,
		parse.TEqeq, parse.TNeq, parse.TLte, parse.TGte, parse.T2Comma:
		top.operators++
		top.ended = false
	case '(', '[', '{':
		if top.ended {
			top.operators++
		}
		return sc.open(line)
	case ')', ']', '}', parse.TEnd:
		sc.close()
	case parse.TUntil:
		sc.close()
		sc.levels[len(sc.levels)-1].next()
	case parse.TFunction:
		if sc.functions++; sc.functions > maxFunctions {
			return sc.source.errorf(line, "more than %d functions", maxFunctions)
		}
		return sc.open(line)
	case parse.TIf, parse.TRepeat:
		top.next()
		return sc.open(line)
	case parse.TElseIf:
		top.next()
		top.branches++
	case parse.TWhile, parse.TFor:
		top.next()
		if e := sc.open(line); e != nil {
			return e
		}
		sc.levels[len(sc.levels)-1].loop = true
	case parse.TDo:
		top.next()
		if !top.loop {
			return sc.open(line)
		}
		top.loop = false
	case parse.TGoto, parse.T2Colon:
		return sc.source.errorf(line, "goto is not part of Lua 5.1: use a loop")
	default: // separators and the other keywords
		top.next()
	}
	if top = &sc.levels[len(sc.levels)-1]; top.depth() > maxNesting {
		return sc.tooDeep(line)
	}
	return nil
}

func (sc *scanner) open(line int) *Error {
	sc.levels = append(sc.levels, level{})
	if len(sc.levels) > maxNesting {
		return sc.tooDeep(line)
	}
	return nil
}

// close makes what was open an operand of what is around it. Brackets that do not
// match are left to the parser.
func (sc *scanner) close() {
	n := len(sc.levels) - 1
	if n == 0 {
		return
	}
	inner := sc.levels[n].depth() + 1
	sc.levels = sc.levels[:n]
	outer := &sc.levels[n-1]
	outer.operand = max(outer.operand, inner)
	outer.ended = true
}

func (sc *scanner) tooDeep(line int) *Error {
	return sc.source.errorf(line, "nesting deeper than %d brackets, blocks and operators: use local variables and smaller functions", maxNesting)
}
