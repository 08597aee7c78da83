package lua

import (
	"fmt"
	"time"

	vm "github.com/yuin/gopher-lua"
)

// Level says how much a line of a script's log matters.
type Level uint8

// The levels, each of which has a function in the library's table log.
const (
	Debug Level = iota
	Info
	Warn
	Failure // log.error
)

// String returns the level's name in the library.
func (l Level) String() string { return [...]string{"debug", "info", "warn", "error"}[l] }

// maxLines is how many lines a policy may log in one pool and one second; the
// others are counted.
const maxLines = 10

// maxLine is the length of a line in bytes.
const maxLine = 500

// logger hands on the lines of one instance.
type logger struct {
	write  func(Level, string)
	now    func() time.Time
	second int64
	lines  int
	lost   int
}

func (l *logger) line(level Level, text string) {
	if l == nil || l.write == nil {
		return
	}
	if s := l.now().Unix(); s != l.second {
		if l.second = s; l.lost > 0 {
			l.write(Warn, fmt.Sprintf("%d lines of the script's log were left out", l.lost))
		}
		l.lines, l.lost = 0, 0
	}
	if l.lines++; l.lines > maxLines {
		l.lost++
		return
	}
	l.write(level, printable(text, maxLine))
}

var logFunctions = map[string]vm.LGFunction{
	"debug": func(L *vm.LState) int { return logLine(L, Debug, display(L, L.CheckAny(1))) },
	"info":  func(L *vm.LState) int { return logLine(L, Info, display(L, L.CheckAny(1))) },
	"warn":  func(L *vm.LState) int { return logLine(L, Warn, display(L, L.CheckAny(1))) },
	"error": func(L *vm.LState) int { return logLine(L, Failure, display(L, L.CheckAny(1))) },
}

func logLine(L *vm.LState, level Level, text string) int {
	m := meterOf(L)
	m.work(20 + len(text)/16)
	m.host.log.line(level, text)
	return 0
}
