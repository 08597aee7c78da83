package plugins

import (
	"cmp"
	"log/slog"
	"os"
	"time"
)

// Config describes a plugin: which program it is, as whom it runs, and how long its
// word counts. Command is required, and SHA256 unless AllowUnpinned.
type Config struct {
	// Name is how the operator calls the plugin, in logs and errors.
	Name string
	// Command is the file of the program, absolute or relative to the working
	// directory. It is not searched for in PATH.
	Command string
	Args    []string
	// Env is the whole environment, beside what the protocol needs.
	Env map[string]string
	// Dir is the working directory. If empty, the folder of Command.
	Dir string
	// SHA256 is the checksum that the file must have, in hexadecimal digits.
	// AllowUnpinned does without, at the price of a warning on every start.
	SHA256        string
	AllowUnpinned bool
	// Version, if not empty, is what the plugin's own version must satisfy, as in
	// ">= 1.2, < 2".
	Version string
	// NoMTLS leaves the connection without certificates of both sides, for plugins
	// whose language cannot: it is a local socket in a private folder either way.
	NoMTLS bool
	// User and Group are whom the program runs as. If empty, as the host does. Only
	// root can start a program as somebody else.
	User, Group string
	// SocketDir is where the private folder of the socket is made. If empty, the
	// system's folder for temporary files, or /tmp where its name is too long for
	// that of a socket.
	SocketDir string
	Limits    Limits
	Restart   Restart
	// Attach is the socket of a plugin that somebody else has started, for
	// debugging, as "rspool plugin run --attach" prints it. Command is not started
	// then.
	Attach string

	// StartTimeout is how long the program may take until it is described. If
	// zero, 10 s.
	StartTimeout time.Duration
	// StopTimeout is how long it may take to end after it was asked to. If zero, 2 s.
	StopTimeout time.Duration
	// TickInterval is how often a sign of life is asked for, and TickTimeout how
	// long it may take before the program is killed. If zero, 500 ms and 2 s.
	TickInterval, TickTimeout time.Duration
	// RankTTL is how long ranks hold after the last word from the plugin, unless it
	// says so itself. If zero, 10 s.
	RankTTL time.Duration
	// RankGrace is how long an element that has no rank is taken for a middling
	// one. If zero, 1 s.
	RankGrace time.Duration
	// DirectDeadline is how long an answer may take in DIRECT mode. If zero, 1 ms.
	DirectDeadline time.Duration

	// Log receives what the plugin writes and what happens to it. If nil,
	// slog.Default().
	Log *slog.Logger

	flood float64 // see there
}

// Limits bound what a plugin's process may take; on Linux only. They hold from the
// first moments of the process on. Zero means the default, negative none.
type Limits struct {
	// AddressSpace is in bytes. If zero, 4 GiB.
	AddressSpace int64
	// Files is the number of open files. If zero, 256.
	Files int64
	// Processes is the number of processes and threads of the plugin's user, where
	// that is not the host's own. If zero, 256.
	Processes int64
}

// Restart says how a plugin that ended is started again.
type Restart struct {
	// BackoffMin is the wait before the first restart; it doubles up to BackoffMax
	// while the plugin does not last, and is spread by a quarter to either side. If
	// zero, 100 ms and 30 s.
	BackoffMin, BackoffMax time.Duration
	// MaxIn5m is how many restarts there may be in five minutes; one more, and the
	// plugin has failed until it is reloaded. If zero, 10; negative: none.
	MaxIn5m int
}

func (c Config) withDefaults() Config {
	duration := func(v *time.Duration, d time.Duration) { *v = cmp.Or(*v, d) }
	duration(&c.StartTimeout, 10*time.Second)
	duration(&c.StopTimeout, 2*time.Second)
	duration(&c.TickInterval, 500*time.Millisecond)
	duration(&c.TickTimeout, 2*time.Second)
	duration(&c.RankTTL, 10*time.Second)
	duration(&c.RankGrace, time.Second)
	duration(&c.DirectDeadline, time.Millisecond)
	duration(&c.Restart.BackoffMin, 100*time.Millisecond)
	duration(&c.Restart.BackoffMax, 30*time.Second)
	c.Restart.BackoffMax = max(c.Restart.BackoffMax, c.Restart.BackoffMin)
	c.Restart.MaxIn5m = cmp.Or(c.Restart.MaxIn5m, 10)
	c.Limits.AddressSpace = cmp.Or(c.Limits.AddressSpace, 4<<30)
	c.Limits.Files = cmp.Or(c.Limits.Files, 256)
	c.Limits.Processes = cmp.Or(c.Limits.Processes, 256)
	c.flood = cmp.Or(c.flood, defaultFlood)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.Log = c.Log.With("plugin", c.Name)
	return c
}

// maxSocketDir is how long the name of a folder may be for the name of a socket in a
// folder in it to fit into the system's 107 bytes.
const maxSocketDir = 60

func (c *Config) socketDir() string {
	if c.SocketDir == "" && len(os.TempDir()) > maxSocketDir {
		return "/tmp"
	}
	return c.SocketDir
}
