// Package admin carries orders to a running registrar: read the configuration
// again, take a policy back, replace a plugin, explain a choice. They go over a
// Unix socket that its own user and root alone may open, which is all the
// authentication there is.
//
// It does not know how orders are carried out, and it is not the telemetry: that
// is package status, whose address anybody may be allowed to read.
package admin

import (
	"context"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/plugins"
)

// Orders are what a process can be told. They may be given at once.
type Orders interface {
	// Reload reads the configuration again and takes it over, all of it or
	// nothing. With dry it only says what would change.
	Reload(ctx context.Context, dry bool) (*Report, error)
	// Rollback brings back the version before of a policy, or of all policies
	// that changed last if the reference is empty.
	Rollback(ctx context.Context, reference string) (*Report, error)
	// Policies returns the policies at work.
	Policies() []Policy
	// Plugins returns the plugins that the configuration names.
	Plugins() []plugins.Status
	// ReloadPlugin starts the program of a plugin again, beside the old one,
	// and changes over when it is ready.
	ReloadPlugin(ctx context.Context, name string) error
	// PluginLogs returns what a plugin wrote last.
	PluginLogs(name string) ([]string, error)
	// Explain says how the elements of a pool come in their order.
	Explain(q Question) (*status.Explanation, error)
	// Config returns the configuration at work.
	Config() *config.Config
}

// Question asks for the order of a pool's elements.
type Question struct {
	// Pool is the handle.
	Pool string `json:"pool"`
	// Items bounds the elements of the answer. If zero, all up to a bound.
	Items int `json:"items,omitempty"`
	// UserAddress is whom the answer would be for. If empty, nobody in
	// particular.
	UserAddress string `json:"user_address,omitempty"`
	// Attributes are those of the request.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Report says what an order has changed, or would change.
type Report struct {
	// Applied says that the changes are at work.
	Applied bool `json:"applied"`
	// Changes are in the order of the configuration.
	Changes []config.Change `json:"changes"`
	// Policies are those that were replaced.
	Policies []policies.Replaced `json:"policies"`
	// Remarks are sentences for a person: what was kept back, and why.
	Remarks []string `json:"remarks,omitempty"`
}

// Policy is a policy at work.
type Policy struct {
	Reference string `json:"policy"`
	Summary   string `json:"summary,omitempty"`
	File      string `json:"file,omitempty"`
	Version   string `json:"version,omitempty"`
	Hash      string `json:"sha256,omitempty"`
	Plugin    string `json:"plugin,omitempty"`
	// Since is when this version came to work, in Unix seconds.
	Since float64 `json:"since,omitempty"`
	// Before is the version that a rollback brings back.
	Before string `json:"before,omitempty"`
	// Compiled names the functions of a script that run compiled, Interpreted
	// the others, with the reason.
	Compiled    []string          `json:"compiled,omitempty"`
	Interpreted map[string]string `json:"interpreted,omitempty"`
	// Standings is the number of pools by what the policy does there, and Faults
	// counts what it did wrong since the registrar's start.
	Standings map[string]int `json:"standings,omitempty"`
	Faults    uint64         `json:"faults"`
	// Patterns are the pool blocks that name it.
	Patterns []string `json:"pools,omitempty"`
}

// PolicyOf returns what a definition and a description say about a policy.
func PolicyOf(p *config.Policy, d engine.Description) Policy {
	out := Policy{Reference: p.Reference(), Summary: d.Summary, Version: d.Version, Hash: d.Hash, File: p.Source, Plugin: p.Plugin}
	if p.Program == nil {
		return out
	}
	for _, f := range p.Program.Report() {
		if f.Compiled {
			out.Compiled = append(out.Compiled, f.Name)
			continue
		}
		if out.Interpreted == nil {
			out.Interpreted = map[string]string{}
		}
		out.Interpreted[f.Name] = f.Obstacle
	}
	return out
}

// Error is the answer to an order that was not carried out.
type Error struct {
	Message     string              `json:"error"`
	Missing     bool                `json:"not_found,omitempty"` // what was named does not exist
	Diagnostics []config.Diagnostic `json:"diagnostics,omitempty"`
	// Text shows the diagnostics with their lines, for a person.
	Text string `json:"text,omitempty"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// ErrMissing is wrapped by errors about something that does not exist.
type ErrMissing struct{ Err error }

func (e ErrMissing) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e ErrMissing) Unwrap() error { return e.Err }
