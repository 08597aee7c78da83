package lua

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// The parts that hostile scripts are put together from: S is a statement, E an
// expression, V a variable.
var (
	statements = []string{
		"local V = E", "V = E", "V[E] = E", "V.a = E", "V[E], V[E] = E, E", "E1(E, E)", "if E then S else S end", "for i = 1, 30 do S S end",
		"for k, v in pairs(E) do S end", "for k, v in ipairs(E) do S end", "while E do S break end", "repeat S until E", "pcall(function(...) S S end, E)",
		"xpcall(function() S end, function() S end)", "table.insert(E, E)", "table.insert(E, E, E)", "table.remove(E, E)", "table.sort(E, E)", "table.sort(E)",
		"setmetatable(E, E)", "rawset(E, E, E)", "do S S S end", "local function f(...) S return f(E, ...) end f(E)", "log.info(E)", "print(E, E)", "error(E)",
		"setmetatable(V, { __index = E, __newindex = E, __call = E, __eq = E, __lt = E, __concat = E, __len = E, __tostring = E, __add = E, __unm = E })",
		"data.x = E", "t[#t + 1] = E", "s = s .. s",
	}
	expressions = []string{
		"1", "0", "-1", "2^53", "1e308", "0/0", "1/0", "65535", "nil", "true", "'a'", "''", "V", "V", "V", "V", "E + E", "E * E", "-E", "E % E", "E ^ E", "E .. E", "#E", "not E", "E < E",
		"E == E", "E and E", "E or E", "{ E, E }", "{ [E] = E }", "{ a = E }", "function(...) S return E end", "function(a, b) return E end", "E1(E)", "V(E, E)", "V.a", "V[E]", "V:sub(E)",
		"string.rep(E, E)", "string.format(E, E, E)", "string.sub(E, E, E)", "string.byte(E, E, E)", "string.char(E)", "string.find(E, E, E)", "table.concat(E, E, E, E)", "unpack(E, E, E)",
		"select(E, E, E)", "tonumber(E, E)", "tostring(E)", "next(E, E)", "rawget(E, E)", "math.random(E, E)", "math.floor(E)", "math.ldexp(E, E)", "hash(E)", "getmetatable(E)", "(select('#', E))", "pe.id", "pe.data", "load",
	}
	variables = []string{"t", "s", "n", "f", "_G", "math", "string", "config", "pe", "data", "pool", "load"}
	called    = []string{"V", "tostring", "pairs", "type", "assert", "error", "unpack", "setmetatable", "hash", "pcall", "f"}
)

// expand replaces the parts of a template, to a depth.
func expand(r *rand.Rand, template string, depth int) string {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		c := template[i]
		alone := (i == 0 || !letter(template[i-1])) && (i+1 == len(template) || !letter(template[i+1]))
		switch {
		case strings.HasPrefix(template[i:], "E1"):
			b.WriteString(expand(r, called[r.IntN(len(called))], depth-1))
			i++
		case !alone:
			b.WriteByte(c)
		case c == 'V':
			b.WriteString(variables[r.IntN(len(variables))])
		case c == 'E' && depth <= 0:
			b.WriteString([]string{"t", "1", "s", "nil"}[r.IntN(4)])
		case c == 'E':
			b.WriteString("(" + expand(r, expressions[r.IntN(len(expressions))], depth-1) + ")")
		case c == 'S' && depth <= 0:
			b.WriteString("n = 1")
		case c == 'S':
			b.WriteString(expand(r, statements[r.IntN(len(statements))], depth-1))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func letter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// hostile writes a policy whose functions do anything.
func hostile(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	block := func() string { return expand(r, "S\nS\nS\n", 2+r.IntN(4)) }
	return "local t, s, n, f, pe, data, pool, load = {}, 'abc', 5, function(...) return ... end\n" +
		"pcall(function()\n" + block() + "end)\n" +
		"return { every = '1s',\n" +
		"key = function(load, data)\n" + block() + "return load end,\n" +
		"filter = function(pe, request)\n" + block() + "return true end,\n" +
		"on_register = function(pe)\n" + block() + "end,\n" +
		"on_select = function(pe)\n" + block() + "end,\n" +
		"on_tick = function(pool)\n" + block() + "end,\n" +
		"on_upgrade = function(old)\n" + block() + "return old end }\n"
}

// endure loads a hostile policy and puts it to work. It returns whether it was one
// that loads, and fails where that takes long.
func endure(t *testing.T, seed uint64) bool {
	t.Helper()
	text := hostile(seed)
	begin := time.Now()
	defer func() {
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("seed %d took %v\n%s", seed, took, text)
		}
	}()
	options := Options{
		Limits: Limits{Instructions: 5000, LoadInstructions: 50_000, Memory: 1 << 20}, Log: func(Level, string) {},
	}
	p, err := Load("hostile", text, options)
	if err != nil {
		return false
	}
	// Whatever it does, no request goes without an answer.
	chain := &engine.ChainConfig{Policies: []engine.Policy{p, builtin.LeastUsed{}}}
	s := engine.NewChain(noon, chain, engine.Setting{Handle: "hostile", Rand: rand.New(rand.NewPCG(1, 2))}, nil, nil)
	for i := range 6 {
		e := loaded(float64(i) / 8)
		e.ID = rserpool.ElementID(i + 1)
		m := &engine.Member{Element: &e}
		s.Add(noon, m)
		got := s.Select(&engine.Request{Items: 2, Now: noon, Handle: "hostile"}, nil)
		if len(got) == 0 {
			t.Errorf("seed %d: nobody is selected\n%s", seed, text)
		}
		s.Failed(noon, m, engine.Expired)
	}
	s.Tick(s.NextTick())
	next := &engine.ChainConfig{Policies: []engine.Policy{mustLoad(t, text, options), builtin.LeastUsed{}}}
	if err := s.Try(noon, next); err == nil {
		s.Reconfigure(noon, next)
	}
	if got := s.Select(&engine.Request{Items: 1, Now: noon, Handle: "hostile"}, nil); len(got) == 0 {
		t.Errorf("seed %d: nobody is selected after a reload\n%s", seed, text)
	}
	return true
}

// TestHostileScripts runs scripts of random parts. One that works on is no failure,
// and neither is one that fails: the process is to live.
func TestHostileScripts(t *testing.T) {
	n, loaded := 250, 0
	if testing.Short() {
		n = 100
	}
	for seed := range n {
		if endure(t, uint64(seed)) {
			loaded++
		}
	}
	t.Logf("%d of %d loaded", loaded, n)
	if loaded < n/4 {
		t.Error("too few scripts loaded")
	}
}

func FuzzHostileScripts(f *testing.F) {
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) { endure(t, seed) })
}
