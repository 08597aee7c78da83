// Package config_test checks the example file, and that processes do what it says.
package config_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

func TestFileIsObeyed(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	c, err := config.Load([]string{"rspool.hcl"}, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Without plugins, which need Python; see TestPlugins.
	set, err := policies.Open(t.Context(), c.Only("lua.energy", "lua.night-shift", "lua.region-first"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	scripts, err := set.Registry().With(standIn{})
	if err != nil {
		t.Fatal(err)
	}
	// On free ports, since the usual ones may be taken.
	cfg := c.Registrar.Config
	cfg.Policies = scripts
	cfg.ASAPPort, cfg.UDPPort, cfg.Log = -1, -1, quiet
	r, err := registrar.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	c, err = config.Load([]string{"rspool.hcl"}, config.Options{Variables: map[string]string{"registrar": r.Address().String()}})
	if err != nil {
		t.Fatal(err)
	}
	c.Element.HostConfig.Log, c.User.HostConfig.Log = quiet, quiet
	endUser, err := policies.OpenUser(t.Context(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer endUser()
	ln, err := pool.Listen(t.Context(), "FractalGeneratorPool", &c.Element.ElementConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	h, err := pool.NewHost(&c.User.HostConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	found, err := pool.Resolve(t.Context(), h, "FractalGeneratorPool", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Elements) != 1 || found.Elements[0].ID != ln.ID() || found.Policy.Type != rserpool.WeightedRandom {
		t.Errorf("resolved %+v, want element %v of a pool with weighted random", found, ln.ID())
	}

	// The pool block wants another policy.
	e := c.Element.ElementConfig
	e.Policy = rserpool.Policy{Type: rserpool.RoundRobin}
	if ln, err := pool.Listen(t.Context(), "FractalPool", &e); err == nil {
		ln.Close()
		t.Error("an element with round robin is accepted where the file wants weighted random")
	}
}

// standIn takes the place of the plugin's policy.
type standIn struct{ builtin.LeastUsed }

// Describe implements engine.Policy.
func (standIn) Describe() engine.Description {
	return engine.Description{Name: "plugin.steady", Mark: 1}
}

func TestFileIsInTheCanonicalForm(t *testing.T) {
	src, err := os.ReadFile("rspool.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := config.Format("rspool.hcl", src); err != nil || !bytes.Equal(got, src) {
		t.Errorf("run rspool config fmt: %v", err)
	}
}

func TestPlugins(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		t.Skipf("%s has no grpc and protobuf: %v\n%s", python, err, out)
	}
	c, err := config.Load([]string{"rspool.hcl"}, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := policies.Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if s := set.Plugins(); len(s) != 1 || s[0].State != "running" {
		t.Errorf("plugins are %+v", s)
	}
}

var (
	sleeping = regexp.MustCompile(`(?m)^(\s*)# (\s*(?:[a-z_0-9]+ += .*|[a-z]+ \{|\}))$`)
	elided   = regexp.MustCompile(`"[0-9a-f]{4}\.\.\."`)
)

// TestFileHasEverything takes the comments away and looks for each attribute.
func TestFileHasEverything(t *testing.T) {
	src, err := os.ReadFile("rspool.hcl")
	if err != nil {
		t.Fatal(err)
	}
	src = elided.ReplaceAll(sleeping.ReplaceAll(src, []byte("$1$2")), []byte(`"x"`))
	file, diags := hclsyntax.ParseConfig(src, "rspool.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	have := map[string]bool{}
	paths(file.Body.(*hclsyntax.Body), "", have)
	var want func(all []config.BlockSchema, path string)
	want = func(all []config.BlockSchema, path string) {
		for i := range all {
			b := &all[i]
			at := path + b.Name
			if b.Name == "policy" {
				at += " " + b.Labels[0]
			}
			if !have[at] {
				t.Errorf("there is no block %s: add it, if only as a comment", at)
			}
			for _, a := range b.Attributes {
				if !have[at+"."+a.Name] {
					t.Errorf("%s.%s is nowhere: add it, if only as a comment", at, a.Name)
				}
			}
			want(b.Blocks, at+".")
		}
	}
	want(config.Schema(), "")
}

// paths notes the blocks and attributes of a file, as in "registrar.asap.port".
func paths(b *hclsyntax.Body, path string, have map[string]bool) {
	for name := range b.Attributes {
		have[path+name] = true
	}
	for _, inner := range b.Blocks {
		at := path + inner.Type
		if inner.Type == "policy" {
			at += " " + inner.Labels[0]
		}
		have[at] = true
		paths(inner.Body, at+".", have)
	}
}
