// Package policies puts the policy and plugin blocks of a configuration to work:
// scripts are compiled and pass their own tests, plugins run. From one set and a
// changed configuration it makes the next one, of which everything that stayed the
// same is the same still, and it remembers the versions before.
//
// It does not read files other than scripts, and it does not know pools: whoever
// runs a registrar hands it the registry.
package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/lua"
	"github.com/rspool/rspool/plugins"
)

// TestTime is how long the tests of one script may take.
const TestTime = 10 * time.Second

// Version is a policy as it was put to work.
type Version struct {
	// Definition is its block. Of a script it has the Program.
	Definition config.Policy
	// Policy is what pools use.
	Policy engine.Policy
	// Since is when it was put to work.
	Since time.Time
	// Tests is how many tests the script passed.
	Tests int
	// Before is the version that it replaced, nil for the first one and for those
	// that were brought back.
	Before *Version

	print string // what tells it from other versions
	step  int    // in which it was put to work
}

// Name tells the version from others, for people: of a script or program that the
// version is of, the first digits of its hash.
func (v *Version) Name() string {
	if v == nil {
		return ""
	}
	if d := v.Policy.Describe(); d.Version != "" {
		return d.Version
	}
	return v.print[:12]
}

// Set is the policies and plugins of a configuration at work. It does not change;
// its methods may be called at once.
type Set struct {
	log      *slog.Logger
	registry *engine.Registry
	order    []string // of the references
	versions map[string]*Version
	plugins  map[string]*plugins.Plugin
	blocks   map[string]*config.PluginConfig
	step     int               // counts the sets
	held     map[string]string // print of the version that was taken back, by reference
}

// Open puts the policies of c to work. Plugins that do not come up are started
// again and again, and their policies wait for them; scripts must be good. The
// error is a *config.Error.
func Open(ctx context.Context, c *config.Config, log *slog.Logger) (*Set, error) {
	empty := &Set{log: log}
	step, err := empty.next(ctx, c, false, true)
	if err != nil {
		return nil, err
	}
	return step.Commit(), nil
}

// Registry returns the built-in policies and those of the set.
func (s *Set) Registry() *engine.Registry { return s.registry }

// Versions returns the policies in the order of the configuration.
func (s *Set) Versions() []*Version {
	var all []*Version
	for _, r := range s.order {
		all = append(all, s.versions[r])
	}
	return all
}

// Plugins returns what there is to know of the plugins, in order of their names.
func (s *Set) Plugins() []plugins.Status {
	all := []plugins.Status{}
	for _, name := range slices.Sorted(maps.Keys(s.plugins)) {
		all = append(all, s.plugins[name].Status())
	}
	return all
}

// Plugin returns a plugin, nil where there is none of that name.
func (s *Set) Plugin(name string) *plugins.Plugin { return s.plugins[name] }

// Close ends all plugins.
func (s *Set) Close() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.plugins)) {
		errs = append(errs, s.plugins[name].Close())
	}
	return errors.Join(errs...)
}

// printOf returns what tells a version of a policy from another: its block, and
// what the script's file contains.
func printOf(p *config.Policy) string {
	hash := ""
	if p.Program != nil {
		hash = p.Program.Hash()
	}
	zone := ""
	if p.Timezone != nil {
		zone = p.Timezone.String()
	}
	b, err := json.Marshal([]any{p.Kind, p.Name, p.Source, hash, zone, p.Limits, p.Plugin, p.Offer, p.Config})
	if err != nil {
		panic("policies: a configuration holds what is no plain value: " + err.Error())
	}
	return digest(b)
}

// registryOf returns the built-in policies and those given.
func registryOf(versions map[string]*Version, order []string) (*engine.Registry, error) {
	var all []engine.Policy
	for _, r := range order {
		all = append(all, versions[r].Policy)
	}
	return engine.NewRegistry(builtin.All()...).With(all...)
}

// scriptLog writes what scripts log.
func scriptLog(log *slog.Logger) func(string, lua.Level, string) {
	levels := map[lua.Level]slog.Level{lua.Debug: slog.LevelDebug, lua.Info: slog.LevelInfo, lua.Warn: slog.LevelWarn, lua.Failure: slog.LevelError}
	return func(reference string, level lua.Level, text string) {
		log.Log(context.Background(), levels[level], "script says", "policy", reference, "text", text)
	}
}

// Test runs the tests of a script. The error says what fails, on one line.
func Test(p *lua.Program) (passed int, err error) {
	end := time.Now().Add(TestTime)
	suite, err := p.Test(lua.TestOptions{Expired: func() bool { return time.Now().After(end) }})
	if err != nil {
		return 0, err
	}
	if suite.Failed() == 0 {
		return len(suite.Results), nil
	}
	const shown = 5
	var failures []string
	for _, r := range suite.Results {
		if r.Failure != "" && len(failures) < shown {
			failures = append(failures, fmt.Sprintf("%q: %s", r.Name, r.Failure))
		}
	}
	more := ""
	if n := suite.Failed() - len(failures); n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return 0, fmt.Errorf("%d of %d tests fail: %s%s", suite.Failed(), len(suite.Results), strings.Join(failures, "; "), more)
}
