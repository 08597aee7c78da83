// Package config reads configuration files, checks them, and turns them into the
// plain Go values that registrars, elements and users are made of. Every message
// names the file, the line and the remedy.
//
// It starts nothing and changes nothing: no socket is opened, no policy is run,
// and a file that it refuses has no effect.
package config

import (
	"log/slog"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

// Config is what the files say. Values that no file sets are zero, so that the
// defaults of the packages hold, except where a comment says otherwise.
type Config struct {
	Registrar Registrar
	Element   Element
	User      User
	Log       Log
	Telemetry Telemetry
	CSP       CSP
	Admin     Admin

	// Policies and Plugins are the blocks of those names, in the order of the
	// text. What pools and the user refer to is in one of them, or built in.
	Policies []Policy
	Plugins  []PluginConfig

	// Paths are what Load was given, Files those that were read, in order, and
	// Included those of which the function file has read the text.
	Paths, Files, Included []string

	masked map[string]bool // paths of values that Show hides
	known  *references
	reader *reader // for complaints about what is found out later
}

// Registrar is the registrar block, with the pool blocks.
type Registrar struct {
	registrar.Config
	// PolicyDir and PluginDir are where files count from whose names are
	// relative. If empty, the folder of the file that names them.
	PolicyDir, PluginDir string
}

// Element is the element block.
type Element struct {
	pool.ElementConfig
	// Pool is the handle of the pool to join, empty if the file leaves it open.
	Pool rserpool.Handle
}

// User is the user block.
type User struct {
	pool.UserConfig
	// PolicyName refers to the policy by which elements are selected from the
	// cache, and Fallback to those that follow where it fails. If empty, they are
	// selected as the pool says. Whoever runs a user makes UserConfig.Policy of it.
	PolicyName string
	Fallback   []string
}

// Log says what is logged, and how.
type Log struct {
	// Level is the least level. The zero value is info.
	Level slog.Level
	// Format is "text" or "json". If empty, text.
	Format string
	// Source adds the place in the program to each line.
	Source bool
}

// Telemetry says where metrics and health are served.
type Telemetry struct {
	// Listen is the HTTP address, as HOST:PORT. If empty, there is none.
	Listen string
}

// CSP says to which monitor the process reports how it is, by the Component Status
// Protocol.
type CSP struct {
	// Server is the monitor, as HOST:PORT. If empty, nothing is reported.
	Server string
	// Interval is the time between two reports. If zero, 1 s.
	Interval time.Duration
}

// Admin says where a running registrar takes orders.
type Admin struct {
	// Disabled leaves the socket out.
	Disabled bool
	// Socket is the file of the socket. If empty, one in the folder for such
	// files that the system has for the user.
	Socket string
}

// Options say what files may refer to. The zero value works.
type Options struct {
	// Variables are the values of variable blocks, by name. A name that no
	// file declares is an error.
	Variables map[string]string
	// Env looks up environment variables. If nil, os.LookupEnv.
	Env func(string) (string, bool)
	// Policies are those that pool blocks may name. If nil, the built-in ones.
	Policies *engine.Registry
}

// Default is what holds without any file.
func Default() *Config {
	return &Config{masked: map[string]bool{}, reader: newReader(Options{})}
}
