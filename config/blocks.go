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
		c.User.block(c.known),
		c.Log.block(),
		c.Telemetry.block(),
		c.CSP.block(),
		c.Admin.block(),
	}
}

func (l *Log) block() block {
	return block{
		name: "log",
		doc:  "What is logged to the standard error, and how. --log-level and --log-format win.",
		fields: []field{
			{name: "level", def: `"info"`, doc: "The least level: debug, info, warn or error.", live: true, value: level(&l.Level)},
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

func (c *CSP) block() block {
	return block{
		name: "csp",
		doc:  "To which monitor the process reports by the Component Status Protocol: \"rspool top --csp\", or a deployed one.",
		fields: []field{
			{name: "server", example: `"192.0.2.9:2960"`, doc: "The monitor's UDP address and port. If absent, nothing is reported.", value: hostPort(&c.Server)},
			{name: "interval", def: `"1s"`, doc: "Time between two reports.", value: duration(&c.Interval, 100*time.Millisecond, time.Hour)},
		},
	}
}

func (a *Admin) block() block {
	return block{
		name: "admin",
		doc:  "The socket by which \"rspool policy reload\" and its like reach a running registrar. Only its own user and root may open it.",
		fields: []field{
			{name: "enabled", def: "true", doc: "Whether there is one.", value: negated(&a.Disabled)},
			{name: "socket", example: `"/run/rspool/registrar.sock"`, doc: "The socket's file. If absent, one with the registrar's identifier in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/rspool, /run/rspool or the system's folder for temporary files.", value: name(&a.Socket)},
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
