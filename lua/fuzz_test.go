package lua

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// FuzzLoad loads any text as a policy, and puts to work what loads. Nothing may
// panic, hang or grow, and whoever is selected is in the pool.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("../examples/policies/*.lua")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		"", "return", "return {}", "return { key = function(load) return load end }",
		"return { weight = function(load) return 1/load end, on_select = function(pe) pe.data[pe.id] = {} end }",
		"return { select = function(pool, n) return { pool[n], pool[1] } end, max_elements = 1 }",
		"return { affinity = function(request) return request.user_address .. #request.attributes end }",
		"local t = setmetatable({}, { __index = function(t, k) return t end }) return t",
		"return setmetatable({ key = math.max }, { __call = error, __concat = error, __len = error })",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Load("fuzz", text, Options{
			Limits: Limits{Instructions: 2000, LoadInstructions: 20_000, TestInstructions: 5000, Memory: 1 << 20},
		})
		if err != nil {
			if _, ok := err.(*Error); !ok || len(err.Error()) > 2000 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		s, err := engine.NewSelector(noon, p, engine.Setting{Handle: "fuzz", Rand: rand.New(rand.NewPCG(1, 2))})
		if err != nil {
			return
		}
		var members []*engine.Member
		for i := range 5 {
			e := loaded(float64(i) / 5)
			e.ID = rserpool.ElementID(i + 1)
			m := &engine.Member{Element: &e}
			members = append(members, m)
			s.Add(noon, m)
		}
		for n := range 5 {
			for _, m := range s.Select(&engine.Request{Items: n, Now: noon, Handle: "fuzz"}, nil) {
				if m.Element == nil {
					t.Fatal("nobody was selected")
				}
			}
			if next := s.NextTick(); !next.IsZero() {
				s.Tick(next)
			}
		}
		s.Failed(noon, members[0], engine.Expired)
		s.Remove(members[1])
		if err := s.SetPolicy(noon, p); err != nil {
			t.Log(err)
		}
		if suite, err := p.Test(TestOptions{}); err == nil {
			var b strings.Builder
			if err := WriteJUnit(&b, suite); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestProgramsAreShared uses one program in many pools at once; run it with -race.
func TestProgramsAreShared(t *testing.T) {
	for _, name := range []string{"least-used-degradation", "region-first", "shortest-expected-delay", "sticky"} {
		text, err := os.ReadFile("../examples/policies/" + name + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		p := mustLoad(t, string(text), Options{Log: func(Level, string) {}})
		var group sync.WaitGroup
		for i := range 4 {
			group.Add(1)
			go func() {
				defer group.Done()
				s, err := engine.NewSelector(noon, p, engine.Setting{Handle: "pool", Rand: rand.New(rand.NewPCG(1, uint64(i)))})
				if err != nil {
					t.Error(err)
					return
				}
				for n := range 20 {
					e := loaded(float64(n) / 20)
					e.ID = rserpool.ElementID(n + 1)
					m := &engine.Member{Element: &e}
					s.Add(noon, m)
					s.Select(&engine.Request{Items: 2, Now: noon, Handle: "pool"}, nil)
					s.Failed(noon, m, engine.Unreachable)
				}
				if s.Faults() > 0 {
					t.Error(s.LastFault())
				}
			}()
		}
		group.Wait()
	}
}

// TestStubIsComplete looks for all names in the type annotations.
func TestStubIsComplete(t *testing.T) {
	if !strings.HasPrefix(Stub, "---@meta") {
		t.Error("the stub does not say that it is one")
	}
	for class, names := range map[string][]string{
		"rspool.Policy": knownFields, "rspool.Test": caseFields, "rspool.TestElement": elementFields, "rspool.TestRequest": requestNames,
		"rspool.Element": func() (all []string) {
			for _, in := range elementInputs {
				all = append(all, in.name)
			}
			return all
		}(),
	} {
		_, rest, found := strings.Cut(Stub, "---@class "+class+"\n")
		body, _, _ := strings.Cut(rest, "\n\n")
		for _, name := range names {
			if !found || !strings.Contains(body, "---@field "+name+" ") && !strings.Contains(body, "---@field "+name+"? ") {
				t.Errorf("%s lacks %s", class, name)
			}
		}
	}
	if _, err := Load("stub", Stub+"\nreturn { key = function(load) return load end }", Options{}); err == nil || !strings.Contains(err.Error(), "belongs to the library") {
		t.Errorf("the stub is no Lua, or shadows nothing: %v", err)
	}
}
