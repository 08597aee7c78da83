package config

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour
	// shortest and longest bound timers: below, a typing error would flood the
	// network; above, it would never fire.
	shortest = time.Millisecond
	longest  = 24 * time.Hour
)

// blocks returns the tables of all blocks that may stand once, with c's
// variables behind them.
func (c *Config) blocks() []block {
	return []block{
		c.Registrar.block(),
		c.Element.block(),
		c.User.block(),
		c.Log.block(),
		c.Telemetry.block(),
	}
}

func (l *Log) block() block {
	return block{
		name: "log",
		doc:  "What is logged to the standard error, and how. --log-level and --log-format win.",
		fields: []field{
			{name: "level", def: `"info"`, doc: "The least level: debug, info, warn or error.", value: level(&l.Level)},
			{name: "format", def: `"text"`, doc: "text or json.", value: word(&l.Format, "text", "json")},
			{name: "source", def: "false", doc: "Adds the place in the program to each line.", value: boolean(&l.Source)},
		},
	}
}

// level is a log level; info is the default.
func level(l *slog.Level) value {
	return parsed("level", l, ParseLevel, func(l slog.Level) string { return strings.ToLower(l.String()) })
}

// ParseLevel reads debug, info, warn or error.
func ParseLevel(s string) (slog.Level, error) {
	names := []string{"debug", "info", "warn", "error"}
	for i, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if s == names[i] {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%s is not one of %s%s", quote(s), quoteAll(names), didYouMean(s, names))
}

func (t *Telemetry) block() block {
	return block{
		name: "telemetry",
		doc:  "Where /metrics, /healthz, /readyz and /status are served over HTTP. Whoever reaches the address may read them.",
		fields: []field{
			{name: "listen", example: `"127.0.0.1:9100"`, doc: "IP address and port. If absent, nothing is served.", value: hostPort(&t.Listen)},
		},
	}
}

// hostPort is a TCP or UDP address; port 0 is any free one.
func hostPort(s *string) value {
	return parsed("address", s,
		func(text string) (string, error) {
			_, p, err := net.SplitHostPort(text)
			if err == nil {
				_, err = strconv.ParseUint(p, 10, 16)
			}
			if err != nil {
				return "", fmt.Errorf("%s is not an address with a port; write both, as in \"127.0.0.1:9100\" or \"[::1]:9100\"", quote(text))
			}
			return text, nil
		},
		func(s string) string { return s })
}
