package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/status"
)

func newTopCommand(a *app) *cobra.Command {
	var address, csp string
	var interval time.Duration
	var once bool
	var q status.Query
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch pools, elements, loads and rates in the terminal",
		Long: `top shows a registrar, or a process with elements and users, from its telemetry
address, again and again until it is interrupted: pools, elements, their loads,
their shares of the selections, and rates. Where the output is no terminal, or
with -o json, it writes one snapshot and ends.

With --csp it shows what registrars, elements and users report to it by the Component
Status Protocol: those of rspool with a csp block in their configuration, and those of
other implementations. One snapshot is then what is heard within --interval.`,
		Example: "  rspool top\n  rspool top --telemetry 127.0.0.1:9100 --interval 500ms\n  rspool top --once --pool 'Echo*'\n  rspool top --csp :2960",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 50*time.Millisecond {
				return misusef("--interval %s: want 50ms at least", interval)
			}
			if csp != "" {
				return a.topComponents(cmd.Context(), csp, interval, once)
			}
			addr, err := a.telemetryAddress(address)
			if err != nil {
				return err
			}
			t := &top{app: a, address: addr, query: q}
			if _, _, ok := terminal(a.stdout); once || !ok || a.output == jsonOutput {
				return t.once(cmd.Context())
			}
			return t.watch(cmd.Context(), interval)
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "telemetry", "", telemetryFlagUsage)
	f.StringVar(&csp, "csp", "", "UDP `ADDRESS` to listen at for the Component Status Protocol, as HOST:PORT; the usual one is :2960")
	f.DurationVar(&interval, "interval", time.Second, "`TIME` between two looks")
	f.BoolVar(&once, "once", false, "write one snapshot and end")
	f.StringVar(&q.Pool, "pool", "", "only pools whose handle matches `PATTERN`")
	f.IntVar(&q.Limit, "limit", 0, fmt.Sprintf("at most `N` elements (default %d)", status.DefaultLimit))
	cmd.MarkFlagsMutuallyExclusive("csp", "telemetry")
	cmd.MarkFlagsMutuallyExclusive("csp", "pool")
	cmd.MarkFlagsMutuallyExclusive("csp", "limit")
	return cmd
}

// top looks at one process.
type top struct {
	app     *app
	address string
	query   status.Query
	last    status.Snapshot
}

func (t *top) once(ctx context.Context) error {
	s, err := readSnapshot(ctx, t.address, t.query)
	if err != nil {
		return err
	}
	return t.app.print(s, func(w io.Writer) error { return writeView(w, s, nil, time.Now()) })
}

// The terminal's words.
const (
	otherScreen = "\x1b[?1049h\x1b[?25l" // and no cursor
	usualScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// watch draws until ctx ends or somebody interrupts. A process that does not
// answer is waited for.
func (t *top) watch(ctx context.Context, interval time.Duration) error {
	return t.app.draw(ctx, interval, func(ctx context.Context) []byte {
		var text bytes.Buffer
		s, err := readSnapshot(ctx, t.address, t.query)
		if err == nil {
			err = writeView(&text, s, t.last, time.Now())
			t.last = s
		}
		if err != nil {
			text.Reset()
			fmt.Fprintf(&text, "%s\n\n%v\n\nTrying again.", t.address, err)
		}
		return text.Bytes()
	})
}

// draw draws what look returns, again and again, until ctx ends or somebody interrupts.
func (a *app) draw(ctx context.Context, interval time.Duration, look func(context.Context) []byte) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	if _, err := io.WriteString(a.stdout, otherScreen); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(a.stdout, usualScreen) }()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		text := look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		columns, rows, _ := terminal(a.stdout)
		if _, err := a.stdout.Write(frame(text, columns, rows)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// frame cuts text to the terminal's size and draws it over what was there.
func frame(text []byte, columns, rows int) []byte {
	var b bytes.Buffer
	b.WriteString(toTop)
	lines := bytes.Split(bytes.TrimRight(text, "\n"), []byte{'\n'})
	for i, l := range lines {
		if rows > 0 && i == rows {
			break
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		r := bytes.Runes(l)
		if columns > 0 && len(r) > columns {
			r = r[:columns]
		}
		b.WriteString(string(r))
		b.WriteString(clearLine)
	}
	b.WriteString(clearRest)
	return b.Bytes()
}
