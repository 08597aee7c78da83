package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/fractal"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/suggest"
	"github.com/rspool/rspool/plugins"
)

// pluginPrefix marks a --policy of the demo that is a program.
const pluginPrefix = "plugin:"

// demoPolicy is what --policy of the demo comes to.
type demoPolicy struct {
	// Wire is what elements register.
	Wire rserpool.PolicyType
	// Reference, Version and From say what the registrars select by, empty where it is
	// the policy that elements register.
	Reference, Version, From string
	// blocks configure it.
	blocks []byte
}

// String names the policy for a person.
func (p *demoPolicy) String() string {
	if p.Reference == "" {
		return p.Wire.String()
	}
	return fmt.Sprintf("%s version %s from %s, fallback %s", p.Reference, orElse(p.Version, "unknown"), p.From, p.Wire)
}

// choose understands --policy: the name of a policy, a script or a program, which are
// tried here so that what is wrong is said before anything runs.
func (d *demo) choose(ctx context.Context) (*demoPolicy, error) {
	settings, err := d.policySettings.values()
	if err != nil {
		return nil, err
	}
	program, isPlugin := strings.CutPrefix(d.policy, pluginPrefix)
	switch {
	case isPlugin:
		return d.choosePlugin(ctx, program, settings)
	case strings.HasSuffix(d.policy, ".lua"):
		return chooseScript(d.policy, settings)
	case settings != nil:
		return nil, misusef("--set: policy %s takes no settings; scripts and plugins do", d.policy)
	case strings.ContainsAny(d.policy, `/\`):
		return nil, misusef("--policy %s: the name of a script ends in .lua, and a program is plugin:%[1]s", d.policy)
	}
	t, err := parsePolicy(strings.TrimPrefix(d.policy, config.Builtin+"."))
	if err != nil {
		return nil, misusef("--policy %s: %w, or FILE.lua, or plugin:BINARY", d.policy, err)
	}
	return &demoPolicy{Wire: t}, nil
}

func chooseScript(file string, settings map[string]any) (*demoPolicy, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s, err := loadScript(file, settings)
	if err != nil {
		return nil, err
	}
	if _, err := policies.Test(s.Program); err != nil {
		return nil, fmt.Errorf("%s: %w; see rspool policy test %[1]s", s.Program.File(), err)
	}
	needs := map[string]bool{}
	for _, f := range s.Program.Report() {
		for _, in := range f.Inputs {
			needs[in] = true
		}
	}
	p := &demoPolicy{Wire: wireFor(needs), Reference: config.Lua + "." + pluginName(file), Version: s.Program.Version(), From: file}
	p.blocks = config.ScriptStanza(pluginName(file), file, settings)
	p.finish()
	return p, nil
}

// loadScript loads a script; where there is none it says what could have been meant.
func loadScript(file string, settings map[string]any) (*config.Policy, error) {
	s, err := config.LoadScript(file, settings)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	there, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.lua")) // the pattern is good, but for odd folders
	there = slices.DeleteFunc(there, isStub)
	for i := range there {
		there[i] = filepath.Base(there[i])
	}
	hint := "write one with: rspool policy new " + strings.TrimSuffix(filepath.Base(file), ".lua")
	if near := suggest.Nearest(filepath.Base(file), there); near != "" {
		hint = "did you mean " + filepath.Join(filepath.Dir(file), near) + "?"
	}
	return nil, notFound(fmt.Errorf("there is no file %s; %s", file, hint))
}

// choosePlugin starts the program for a moment. Its name may be followed by a comma
// and that of a policy, where it has several.
func (d *demo) choosePlugin(ctx context.Context, program string, settings map[string]any) (*demoPolicy, error) {
	program, wanted, _ := strings.Cut(program, ",")
	file, err := filepath.Abs(program)
	if err != nil || program == "" {
		return nil, misusef("--policy %s: want plugin:BINARY, or plugin:BINARY,POLICY", d.policy)
	}
	cfg := plugins.Config{
		Name: pluginName(file), Command: file, AllowUnpinned: true, NoMTLS: inPython(file),
	}
	if path, ok := os.LookupEnv("PYTHONPATH"); ok && cfg.NoMTLS {
		cfg.Env = map[string]string{"PYTHONPATH": path}
	}
	said, hash, err := describePlugin(ctx, cfg, d.app.quiet())
	if err != nil {
		return nil, err
	}
	var offers []string
	for _, o := range said.Policies {
		offers = append(offers, o.Name)
	}
	if wanted == "" && len(offers) == 1 {
		wanted = offers[0]
	}
	if !slices.Contains(offers, wanted) {
		return nil, misusef("--policy %s: the plugin has %s; choose one, as in %s%s,%s", d.policy, strings.Join(offers, ", "), pluginPrefix, program, offers[0])
	}
	for _, a := range said.Policy(wanted).Schema {
		v, ok := settings[a.Name]
		if !ok && a.Required {
			return nil, misusef("--policy %s: %s needs a value for %s, a %s: give it by --set %s=VALUE", d.policy, wanted, a.Name, a.Type, a.Name)
		}
		if name, isText := v.(string); isText && a.Type == plugins.File {
			if settings[a.Name], err = filepath.Abs(name); err != nil { // from here, not from the configuration
				return nil, fmt.Errorf("demo: %w", err)
			}
		}
	}
	needs := map[string]bool{}
	for _, f := range said.Policy(wanted).Needs {
		needs[f.String()] = true
	}
	p := &demoPolicy{Wire: wireFor(needs), Reference: config.Plugin + "." + wanted, Version: said.Version, From: file}
	cfg.SHA256, cfg.AllowUnpinned = hash, false
	p.blocks = config.PluginStanza(&cfg, &said, map[string]map[string]any{wanted: settings})
	p.finish()
	return p, nil
}

// finish adds the pool block. What elements register is the fallback too.
func (p *demoPolicy) finish() {
	p.blocks = append(p.blocks, '\n')
	p.blocks = append(p.blocks, config.PoolStanza(fractal.DefaultHandle.String(), p.Reference, p.Wire, config.Builtin+"."+p.Wire.String())...)
}

// wireFor returns the policy that carries what is needed. Most go by the load.
func wireFor(needs map[string]bool) rserpool.PolicyType {
	switch {
	case needs["priority"]:
		return rserpool.Priority
	case needs["weight"] && needs["distance"]:
		return rserpool.WeightedRandomDPF
	case needs["weight"] && !needs["load"] && !needs["degradation"]:
		return rserpool.WeightedRandom
	case needs["distance"]:
		return rserpool.LeastUsedDegradationDPF
	}
	return rserpool.LeastUsedDegradation
}

// configure writes the file with which the registrars run, if one is needed.
func (p *demoPolicy) configure(folder string) ([]string, error) {
	if p.blocks == nil {
		return nil, nil
	}
	file := filepath.Join(folder, "policy.hcl")
	if err := os.WriteFile(file, p.blocks, 0o600); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return []string{"--config", file}, nil
}

// tellPolicy completes the result with how the policy fared.
func (d *demo) tellPolicy(ctx context.Context, r *demoResult) {
	r.Policy, r.WirePolicy = d.chosen.Wire.String(), d.chosen.Wire.String()
	if d.chosen.Reference == "" {
		return
	}
	r.Policy, r.PolicyVersion, r.PolicyFile, r.Fallback = d.chosen.Reference, d.chosen.Version, d.chosen.From, d.chosen.Wire.String()
	s, err := d.app.registrarStatus(ctx, d.survivor().ready.Telemetry)
	if err != nil {
		return
	}
	for i := range s.Policies {
		if p := &s.Policies[i]; p.Name == r.Policy {
			r.PolicyAtWork = p
		}
	}
}

// policyInWords says how the policy fared.
func (r *demoResult) policyInWords() string {
	p := r.PolicyAtWork
	if p == nil {
		return ""
	}
	end := "in use at the end"
	if p.Pools["in-use"] == 0 {
		end = "not in use at the end"
	}
	return fmt.Sprintf("policy %s version %s: %s, %s; its fallback %s stepped in %s\n",
		r.Policy, orElse(printable(p.Version), "unknown"), end, count(int(p.Faults), "fault"), r.Fallback, count(int(p.Trips), "time"))
}
