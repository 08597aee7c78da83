package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// gauge shows how far something has come: a bar where somebody watches, a line
// every now and then where it goes to a file, nothing with -o json.
type gauge struct {
	what  string
	total int
	bar   *progressbar.ProgressBar
	w     io.Writer // lines, if there is no bar; nil for nothing
	next  int       // per cent of the next line
	began time.Time
}

func (a *app) newGauge(what string, total int) *gauge {
	g := &gauge{what: what, total: total, began: time.Now()}
	_, _, watched := terminal(a.stderr)
	switch {
	case a.output == jsonOutput:
	case watched:
		g.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(a.stderr),
			progressbar.OptionSetDescription(what),
			progressbar.OptionSetWidth(32),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionClearOnFinish())
	default:
		g.w = a.stderr
	}
	return g
}

// set shows that n of the total are done; note says what else is going on.
func (g *gauge) set(n int, note string) {
	if g.bar != nil {
		text := g.what
		if note != "" {
			text += " (" + note + ")"
		}
		g.bar.Describe(text)
		_ = g.bar.Set(n) // it is only a picture
		return
	}
	if g.w == nil || g.total == 0 {
		return
	}
	if percent := 100 * n / g.total; percent >= g.next {
		if note != "" {
			note = ", " + note
		}
		fmt.Fprintf(g.w, "%s: %3d%% after %s%s\n", g.what, percent, time.Since(g.began).Round(100*time.Millisecond), note)
		g.next = percent - percent%20 + 20
	}
}

// remark writes a line that stays, above the bar.
func (g *gauge) remark(format string, args ...any) {
	switch {
	case g.bar != nil:
		_ = g.bar.Clear()
		_, _ = progressbar.Bprintln(g.bar, fmt.Sprintf(format, args...))
	case g.w != nil:
		fmt.Fprintf(g.w, format+"\n", args...)
	}
}

// close removes the bar.
func (g *gauge) close() {
	if g.bar != nil {
		_ = g.bar.Clear()
	}
}
