package plugins

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept and passed on of what a plugin writes.
const (
	maxLine  = 4096 // bytes of a line; the rest is cut off
	maxTail  = 20   // lines kept
	lineRate = 50   // lines a second passed on to the log, on average
	lineRush = 200  // and at once
)

// output takes up what a plugin writes to its standard error, and to its standard
// output after the handshake: it passes the lines on to the log, not too many of
// them, and keeps the last ones.
type output struct {
	log *slog.Logger

	mu      sync.Mutex
	tail    []string // the last lines; after a panic, the first ones of it
	panic   bool
	tokens  float64
	at      time.Time
	dropped uint64
	lines   uint64
}

func newOutput(log *slog.Logger) *output { return &output{log: log, tokens: lineRush, at: time.Now()} }

// read takes lines up until r ends.
func (o *output) read(r io.Reader) {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := readLine(b)
		if line != "" {
			o.line(line)
		}
		if err != nil {
			return
		}
	}
}

// readLine returns a line without its end, cut off at the size of the buffer.
func readLine(b *bufio.Reader) (string, error) {
	part, err := b.ReadSlice('\n')
	line := strings.TrimRight(string(part), "\r\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = b.ReadSlice('\n')
	}
	return line, err
}

func (o *output) line(line string) {
	o.mu.Lock()
	o.lines++
	o.keep(line)
	bad, pass := o.panic, o.allow(time.Now())
	dropped := o.dropped
	if pass {
		o.dropped = 0
	}
	o.mu.Unlock()
	if !pass {
		return
	}
	if dropped > 0 {
		o.log.Warn("plugin writes more than is logged", "lines_dropped", dropped)
	}
	o.pass(line, bad)
}

// keep notes the line. Of a panic the first lines are worth more than the last.
func (o *output) keep(line string) {
	if !o.panic && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "Traceback (most recent call last)")) {
		o.panic = true
		o.tail = o.tail[max(0, len(o.tail)-maxTail/4):]
	}
	if len(o.tail) == maxTail {
		if o.panic {
			return
		}
		o.tail = slices.Delete(o.tail, 0, 1)
	}
	o.tail = append(o.tail, line)
}

// allow says whether one more line may be logged.
func (o *output) allow(now time.Time) bool {
	o.tokens = min(o.tokens+now.Sub(o.at).Seconds()*lineRate, lineRush)
	o.at = now
	if o.tokens < 1 {
		o.dropped++
		return false
	}
	o.tokens--
	return true
}

// pass logs a line: with its level, message and attributes if it is JSON as slog or
// hclog write it, else as it is.
func (o *output) pass(line string, bad bool) {
	if bad {
		o.log.Error("plugin wrote", "line", line)
		return
	}
	level, text, attributes, ok := parseEntry(line)
	if !ok {
		o.log.Info("plugin wrote", "line", line)
		return
	}
	o.log.LogAttrs(context.Background(), level, text, attributes...)
}

// parseEntry reads a line of a structured log.
func parseEntry(line string) (slog.Level, string, []slog.Attr, bool) {
	if !strings.HasPrefix(line, "{") {
		return 0, "", nil, false
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return 0, "", nil, false
	}
	word := func(names ...string) string {
		for _, n := range names {
			if s, ok := fields[n].(string); ok {
				delete(fields, n)
				return s
			}
		}
		return ""
	}
	text := word("msg", "@message")
	if text == "" {
		return 0, "", nil, false
	}
	level := slog.LevelInfo
	switch strings.ToLower(word("level", "@level")) {
	case "trace", "debug":
		level = slog.LevelDebug
	case "warn", "warning":
		level = slog.LevelWarn
	case "error", "critical":
		level = slog.LevelError
	}
	for _, n := range []string{"time", "@timestamp", "@module", "plugin"} {
		delete(fields, n)
	}
	attributes := make([]slog.Attr, 0, len(fields))
	for k, v := range fields {
		attributes = append(attributes, slog.Any(k, v))
	}
	slices.SortFunc(attributes, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return level, text, attributes, true
}

// last returns the lines kept.
func (o *output) last() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.tail)
}

// note logs what a plugin reports about a pool, as if it had written it.
func (o *output) note(text string, level slog.Level, pool string) {
	o.mu.Lock()
	o.keep(text)
	pass := o.allow(time.Now())
	o.mu.Unlock()
	if pass {
		o.log.Log(context.Background(), level, "plugin reports", "pool", pool, "problem", text)
	}
}
