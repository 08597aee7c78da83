package lua

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// ids returns the identifiers of an answer to a request for n elements, as decimals.
func ids(s *engine.Selector, n int) string {
	return idsOf(s, &engine.Request{Items: n, Now: noon, Handle: "pool"})
}

func idsOf(s *engine.Selector, q *engine.Request) string {
	var out []string
	for _, m := range s.Select(q, nil) {
		out = append(out, fmt.Sprint(uint32(m.Element.ID)))
	}
	return strings.Join(out, " ")
}

// TestLuaEqualsTheBuiltIn goes through random courses of events with a built-in
// policy, the same in Lua, compiled, and interpreted.
func TestLuaEqualsTheBuiltIn(t *testing.T) {
	text, err := os.ReadFile("../examples/policies/least-used-degradation.lua")
	if err != nil {
		t.Fatal(err)
	}
	p := mustLoad(t, string(text), Options{})
	q := interpretedOnly(p)
	share := rapid.OneOf(rapid.SampledFrom([]uint32{0, 1, 0x10000000, 0x80000000, 0xfffffffe, 0xffffffff}), rapid.Uint32())
	rapid.Check(t, func(rt *rapid.T) {
		var selectors []*engine.Selector
		for _, p := range []engine.Policy{builtin.LeastUsedDegradation{}, p, q} {
			s, err := engine.NewSelector(noon, p, engine.Setting{Rand: rand.New(rand.NewPCG(1, 2))})
			if err != nil {
				rt.Fatal(err)
			}
			selectors = append(selectors, s)
		}
		members := make([][]*engine.Member, 3)
		values := func() rserpool.Policy {
			return rserpool.Policy{
				Type:        rserpool.LeastUsedDegradation,
				Load:        rserpool.Load(share.Draw(rt, "load")),
				Degradation: rserpool.Load(share.Draw(rt, "degradation") >> rapid.IntRange(0, 31).Draw(rt, "shift")),
			}
		}
		for range rapid.IntRange(1, 50).Draw(rt, "events") {
			n := len(members[0])
			switch op := rapid.IntRange(0, 9).Draw(rt, "event"); {
			case n == 0 || op < 2:
				v := values()
				for i, s := range selectors {
					m := &engine.Member{Element: &rserpool.Element{ID: rserpool.ElementID(n + 1), Policy: v}}
					members[i] = append(members[i], m)
					s.Add(noon, m)
				}
			case op == 2:
				k, v := rapid.IntRange(0, n-1).Draw(rt, "member"), values()
				for i, s := range selectors {
					members[i][k].Element.Policy = v
					s.Update(noon, members[i][k])
				}
			default:
				k := rapid.IntRange(1, 4).Draw(rt, "items")
				want := ids(selectors[0], k)
				for i, s := range selectors[1:] {
					if got := ids(s, k); got != want {
						rt.Fatalf("%d: got %s, want %s", i, got, want)
					}
				}
			}
		}
		for _, s := range selectors {
			if s.Faults() > 0 {
				rt.Fatal(s.LastFault())
			}
		}
	})
}

// TestForms selects by each form.
func TestForms(t *testing.T) {
	five := []rserpool.Element{loaded(0.5), loaded(0.1), loaded(0.3), loaded(0.2), loaded(0.4)}
	tagged := slices.Clone(five)
	for i := range tagged {
		tagged[i].Tags = rserpool.Tags{"site": []string{"a", "b"}[i%2], "speed": float64(i)}
	}
	degraded := slices.Clone(five)
	degraded[2].Policy.Degradation = 1 << 31
	for _, tc := range []struct {
		name, policy string
		elements     []rserpool.Element
		items        int
		want         string
	}{
		{"a key", `key = function(load) return load end`, five, 3, "2 4 3"},
		{"a key the other way round", `key = function(load) return -load end`, five, 3, "1 5 3"},
		{"a key in the interpreter", `key = function(load) return tonumber(tostring(load)) end`, five, 5, "2 4 3 5 1"},
		{"a key of a tag", `inputs = { "speed" }, key = function(speed) return -speed end`, tagged, 2, "5 4"},
		{"a key of an identifier", `key = function(id) return id == "0x00000003" and 0 or 1 end`, five, 2, "3 1"},
		{"equal keys in turn", `key = function() return 1 end`, five, 2, "1 2"},
		{"a filter", `key = function(load) return load end, filter = function(pe) return pe.load > 0.25 end`, five, 2, "3 5"},
		{"a filter by tag", `inputs = { "site" }, key = function(load) return load end, filter = function(pe) return pe.site == "a" end`, tagged, 5, "3 5 1"},
		{"a filter by pe.tags", `key = function(load) return load end, filter = function(pe) return pe.tags.site == "a" end`, tagged, 5, "3 5 1"},
		{"a filter by input", `inputs = { "site" }, key = function(load) return load end, filter = function(site) return site == "b" end`, tagged, 5, "2 4"},
		{"a filter in the interpreter", `key = function(load) return load end, filter = function(pe) return ({ a = true })[pe.tags.site] end`, tagged, 5, "3 5 1"},
		{"a filter that admits none", `key = function(load) return load end, filter = function(pe) return nil end`, five, 5, ""},
		{"a filter with a short scan", `key = function(load) return load end, max_scan = 2, filter = function(pe) return pe.load > 0.15 end`, five, 5, "4"},
		{"a filter by attribute", `key = function(load) return load end, filter = function(pe, request) return pe.tags.site == request.attributes.site end`, tagged, 5, "3 5 1"},
		{"a filter by user", `key = function(load) return load end, filter = function(user_address, handle, request) return user_address == "192.0.2.1" and handle == "pool" and request.items == 2 end`, five, 2, "2 4"},
		{"weights of zero but one", `weight = function(load) return load > 0.49 and 1 or 0 end`, five, 1, "1"},
		{"weights in the interpreter", `weight = function(load) return tonumber(load > 0.49 and "1" or "0") end`, five, 1, "1"},
		{"weights and a filter", `weight = function() return 1 end, filter = function(pe) return pe.id == "0x00000004" end`, five, 3, "4"},
		{"a list of elements", `select = function(pool, n) table.sort(pool, function(a, b) return a.load < b.load end) return pool end`, five, 2, "2 4"},
		{"a list of identifiers", `select = function(pool) return { pool[3].id, "0x00000001" } end`, five, 2, "3 1"},
		{"a list by count", `select = function(n, pool) return { pool[n] } end`, five, 4, "4"},
		{"an empty list", `select = function(pool) return {} end`, five, 4, ""},
		{"affinity by a number", `affinity = function() return 5 end, weight = function(degradation) return degradation end`, degraded, 1, "3"},
		{"a sample of all", `sample = 5, key = function(load) return load end`, five, 1, "2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := selectorOf(t, mustLoad(t, "return { "+tc.policy+" }", Options{}), slices.Clone(tc.elements)...)
			got := idsOf(s, &engine.Request{
				Items: tc.items, Now: noon, Handle: "pool",
				UserAddress: netip.MustParseAddr("192.0.2.1"), Attributes: map[string]string{"site": "a"},
			})
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if s.Faults() > 0 {
				t.Errorf("a fault: %v", s.LastFault())
			}
		})
	}
}

// TestResultsThatAreNone gives results that are faults: the element keeps its last
// good key, and the message says where and why.
func TestResultsThatAreNone(t *testing.T) {
	for _, tc := range []struct{ name, policy, want string }{
		{"nothing", `key = function(load) end`, "test.lua:1: key returned nothing: it must return a finite number"},
		{"nil", `key = function(load) return nil end`, "test.lua:1: key returned nothing: it must return a finite number"},
		{"a string", `key = function(load) return "5" end`, "test.lua:1: key returned a string: it must return a finite number"},
		{"a table", `key = function(load) return {} end`, "test.lua:1: key returned a table: it must return a finite number"},
		{"NaN", `key = function(load) return 0/0 end`, "test.lua:1: key returned nan: it must return a finite number"},
		{"infinity", `key = function(load) return math.huge end`, "test.lua:1: key returned inf: it must return a finite number"},
		{"infinity in the interpreter", `key = function(load) return tonumber(-math.huge) end`, "test.lua:1: key returned -inf: it must return a finite number"},
		{"nothing in one branch", `key = function(load) if load > 2 then return 1 end end`, "test.lua:1: key returned nothing: it must return a finite number"},
		{"a negative weight", `weight = function(load) return -1 end`, "test.lua:1: weight returned -1: it must return a finite number, zero or more"},
		{"an error", `key = function(load) error("not today") end`, "test.lua:1: not today"},
		{"an error with a table", `key = function(load) error({}) end`, "error with a table for a message: use a string"},
		{"arithmetic on nil", `inputs = { "speed" }, key = function(load, speed) return load / speed end`, "test.lua:1: cannot perform div operation between number and nil"},
		{"a call of nil", `key = function(load) return load + math.helper(1) end`, "test.lua:1: attempt to call a non-function object"},
		{"an endless loop", `key = function(load) while true do end end`, "test.lua:1: the instruction budget is used up: do less in one call, or raise limits.instructions"},
		{"endless recursion", `key = function(load) local function f() return 1 + f() end return f() end`, "test.lua:1: calls nested deeper than 64"},
		{"a failing hook", `key = function(load) return load end, on_register = function(pe) local x = pe.data.nothing.more end`, "test.lua:1: attempt to index a non-table object(nil) with key 'more'"},
		{"a change of pe", `key = function(load) return load end, on_register = function(pe) pe.load = 0 end`, "test.lua:1: attempt to change a read-only table (field 'load')"},
		{"a change of pe.tags", `key = function(load) return load end, on_register = function(pe) pe.tags.site = 0 end`, "test.lua:1: attempt to change a read-only table (field 'site')"},
		{"a change of pe by rawset", `key = function(load) return load end, on_register = function(pe) rawset(pe, "load", 0) end`, "test.lua:1: attempt to change a read-only table"},
		{"the metatable of pe", `key = function(load) return load end, on_register = function(pe) getmetatable(pe).__index.load = 0 end`, "test.lua:1: attempt to index a non-table object(boolean) with key '__index'"},
		{"a filter that fails", `key = function(load) return load end, filter = function(pe) return pe.load.x.y end`, "test.lua:1: attempt to index a non-table object(number) with key 'x'"},
		{"an affinity of nil", `affinity = function() end`, "test.lua:1: affinity returned nothing: it must return a string or a finite number"},
		{"an affinity of NaN", `affinity = function() return 0/0 end`, "test.lua:1: affinity returned nan: it must return a string or a finite number"},
		{"no list", `select = function(pool) return 5 end`, "test.lua:1: select returned 5: it must return a list of elements or of their identifiers"},
		{"a list of strangers", `select = function(pool) return { "0x00000009" } end`, "test.lua:1: select returned '0x00000009', which is no element of the pool"},
		{"a list of tables", `select = function(pool) return { {} } end`, "test.lua:1: select returned a table, which is no element of the pool"},
		{"a list with somebody twice", `select = function(pool) return { pool[1], pool[1].id } end`, "the answer has somebody twice"},
		{"a longer list than the pool", `select = function(pool) return { 1, 2, 3, 4 } end`, "test.lua:1: select returned 4 elements of a pool of 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := selectorOf(t, mustLoad(t, "return { "+tc.policy+" }", Options{}), loaded(0.5), loaded(0.1))
			ids(s, 2)
			if s.LastFault() == nil {
				t.Fatal("no fault")
			}
			if got := s.LastFault().Error(); !strings.HasSuffix(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestHooks follows what a script is told, and what it keeps.
func TestHooks(t *testing.T) {
	var log []string
	p := mustLoad(t, `
local function say(what, pe) log.info(what .. " " .. pe.id .. " " .. pe.load .. " " .. pe.selections .. " " .. (pe.data.n or "-")) end
return {
  key = function(load) return load end,
  on_register = function(pe) pe.data.n = (pe.data.n or 0) + 1 say("register", pe) end,
  on_select = function(pe) say("select", pe) end,
  on_failure = function(reason, pe) say(reason, pe) end,
  on_deregister = function(pe) say("deregister", pe) end,
}`, Options{Log: func(l Level, text string) { log = append(log, l.String()+" "+text) }})
	s, ms := selectorOf(t, p, loaded(0.5), loaded(0.25))
	ids(s, 1)
	ms[1].Element.Policy.Load = rserpool.LoadOf(0.75)
	s.Update(noon, ms[1])
	s.Failed(noon, ms[0], engine.KeepAlive)
	s.Remove(ms[0])
	ms[0].Element.Policy.Load = 0
	s.Add(noon, ms[0])
	want := []string{
		"info register 0x00000001 0.5 0 1",
		"info register 0x00000002 0.25 0 1",
		"info select 0x00000002 0.25 1 1",
		"info register 0x00000002 0.75 0 2",
		"info keepalive 0x00000001 0.5 0 1",
		"info deregister 0x00000001 0.5 0 1",
		"info register 0x00000001 0 0 1",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
	if s.Faults() > 0 {
		t.Error(s.LastFault())
	}
}

// TestPEHasAllInputs prints the fields of pe.
func TestPEHasAllInputs(t *testing.T) {
	var log []string
	p := mustLoad(t, `return {
  inputs = { "site" },
  key = function(load) return load end,
  on_failure = function(pe)
    local names = {}
    for k, v in pairs(pe) do
      if type(v) ~= "table" then names[#names + 1] = k .. "=" .. tostring(v) end
    end
    table.sort(names)
    log.info(table.concat(names, " "))
    log.info(#pe.addresses .. " " .. pe.addresses[1] .. " " .. pe.tags.site .. " " .. next(pe.tags))
    for i, a in ipairs(pe.addresses) do log.info(i .. " " .. a) end
  end,
}`, Options{Log: func(_ Level, text string) { log = append(log, text) }})
	s, ms := selectorOf(t, p, rserpool.Element{
		ID: 0x17,
		Policy: rserpool.Policy{
			Type: rserpool.LeastUsedDegradationDPF, Load: 0x40000000, Degradation: 0x20000000, Priority: 3, Distance: 12, LoadDPF: 0x80000000,
		},
		UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Port: 7, Addresses: []netip.Addr{
			netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1"),
		}},
		Tags: rserpool.Tags{"site": "small"},
	})
	ids(s, 1)
	s.Failed(after(90*time.Second), ms[0], engine.Association)
	want := []string{
		"address=192.0.2.1 degradation=0.125 distance=12 failures=1 hour=12 id=0x00000017 last_failure=1767614490 load=0.25 load_dpf=0.5 " +
			"minute=1 now=1767614490 pool_load=0.25 pool_size=1 priority=3 selections=1 selections_total=1 since_selected=90 site=small " +
			"transport=sctp weekday=1 weight=1 weight_dpf=0",
		"2 192.0.2.1 small site",
		"1 192.0.2.1",
		"2 2001:db8::1",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff, s.LastFault())
	}
}

// TestWeightIsOneWhereThereIsNone registers with policies that have a weight and
// that have none.
func TestWeightIsOneWhereThereIsNone(t *testing.T) {
	p := mustLoad(t, `return { key = function(weight) return -weight end }`, Options{})
	s, _ := selectorOf(t, p,
		rserpool.Element{Policy: rserpool.Policy{Type: rserpool.WeightedRandom, Weight: 0}},
		rserpool.Element{Policy: rserpool.Policy{Type: rserpool.RoundRobin}},
		rserpool.Element{Policy: rserpool.Policy{Type: rserpool.WeightedRandom, Weight: 2}})
	if got := ids(s, 3); got != "3 2 1" {
		t.Error(got)
	}
}

// TestTime lets time pass: on_tick sees all elements, and the inputs of time are
// computed again.
func TestTime(t *testing.T) {
	var log []string
	p := mustLoad(t, `
local rounds = 0
return {
  every = "10s",
  key = function(now, since_selected, id, data)
    return data.late or (now % 20 < 10 and 0 or 1) * (id == "0x00000001" and 1 or -1)
  end,
  on_tick = function(pool)
    rounds = rounds + 1
    log.info(rounds .. " " .. #pool .. " " .. pool[1].id)
    if rounds == 3 then pool[2].data.late = -5 end
  end,
}`, Options{Log: func(_ Level, text string) { log = append(log, text) }})
	s, _ := selectorOf(t, p, loaded(0.5), loaded(0.25))
	var got []string
	for range 4 {
		now := s.NextTick()
		s.Tick(now)
		got = append(got, fmt.Sprintf("%v %s", now.Sub(noon), idsOf(s, &engine.Request{Items: 1, Now: now})))
	}
	if diff := cmp.Diff([]string{"10s 2", "20s 1", "30s 2", "40s 2"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 2 0x00000001", "2 2 0x00000001", "3 2 0x00000001", "4 2 0x00000001"}, log); diff != "" {
		t.Error(diff, s.LastFault())
	}
}

// TestTimezone changes shifts at midnight in Auckland.
func TestTimezone(t *testing.T) {
	zone := time.FixedZone("NZDT", 13*3600)
	p := mustLoad(t, `return { key = function(hour, weekday, id) return id == "0x00000001" and hour + 100 * weekday or 210 end }`, Options{Location: zone})
	s, _ := selectorOf(t, p, loaded(0), loaded(0))
	if got := ids(s, 1); got != "1" { // Tuesday, one o'clock
		t.Error(got)
	}
	s.Tick(after(9 * time.Hour)) // ten o'clock is no better
	if got := idsOf(s, &engine.Request{Items: 1, Now: after(9 * time.Hour)}); got != "2" {
		t.Error(got)
	}
}

// TestUpgrade replaces a version by the next one while the pool is in use.
func TestUpgrade(t *testing.T) {
	version := func(upgrade string) *Program {
		return mustLoad(t, `return {
  key = function(data) return -(data.n or 0) end,
  on_select = function(pe) pe.data.n = (pe.data.n or 0) + 1 pe.data.list = { 1, "a", { x = true } } end,
  `+upgrade+`}`, Options{})
	}
	for _, tc := range []struct{ name, upgrade, want, fault string }{
		{"without on_upgrade all begin anew", "", "1", ""},
		{"the data is carried over", `on_upgrade = function(old) return old end`, "2", ""},
		{"in part", `on_upgrade = function(old) return { ["0x00000001"] = { n = 9 }, ["0x00000002"] = { n = old["0x00000002"].n } } end`, "1", ""},
		{"with tables in it", `on_upgrade = function(old) assert(old["0x00000002"].list[3].x == true) return old end`, "2", ""},
		{"it fails", `on_upgrade = function(old) error("no") end`, "1", "test.lua:4: no"},
		{"it returns no table", `on_upgrade = function(old) return 5 end`, "1", "on_upgrade returned a number"},
		{"without the parameter", `on_upgrade = function() return nil end`, "1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, ms := selectorOf(t, version(""), loaded(0), loaded(0), loaded(0))
			for range 3 {
				ids(s, 1) // the first one becomes the best
			}
			s.Remove(ms[0])
			ids(s, 1)
			s.Add(noon, ms[0])
			if err := s.SetPolicy(noon, version(tc.upgrade)); err != nil {
				t.Fatal(err)
			}
			if got := ids(s, 1); tc.want == "2" != (got == "2") {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if err := s.LastFault(); (tc.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("fault %v, want %q", err, tc.fault)
			}
		})
	}
}

// TestBrokenStatesAreRebuilt makes the interpreter fail in a hook. It is made anew,
// the elements are registered with it again, and work goes on.
func TestBrokenStatesAreRebuilt(t *testing.T) {
	for _, tc := range []struct{ name, bomb, want string }{
		{"memory", `for i = 1, 1000 do kept[#kept + 1] = ("x"):rep(60000) end`, "the memory allowance is used up"},
		{"memory in data", `for i = 1, 1000 do pe.data[i] = ("x"):rep(60000) end`, "the memory allowance is used up"},
		{"a panic", `local function v(...) return v(1, ...) end v(1)`, "the interpreter failed"},
		{"a panic in pcall", `pcall(function() local function v(...) return v(1, ...) end v(1) end)`, "the interpreter failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log []string
			p := mustLoad(t, `
local kept = {}
return {
  key = function(load) return load end,
  on_register = function(pe) pe.data.known = true log.info("register " .. pe.id .. " " .. #kept) end,
  on_select = function(pe) `+tc.bomb+` end,
  on_failure = function(pe) log.info("failure " .. tostring(pe.data.known) .. " " .. #kept) end,
}`, Options{
				Limits: Limits{Instructions: 2_000_000},
				Log:    func(_ Level, text string) { log = append(log, text) },
			})
			s, ms := selectorOf(t, p, loaded(0.1), loaded(0.5))
			if got := ids(s, 1); got != "1" {
				t.Error(got)
			}
			if err := s.LastFault(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("fault %v, want %q", err, tc.want)
			}
			s.Failed(noon, ms[0], engine.Unreachable)
			want := []string{
				"register 0x00000001 0", "register 0x00000002 0",
				"register 0x00000001 0", "register 0x00000002 0",
				"failure true 0",
			}
			if diff := cmp.Diff(want, log); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLogIsLimited writes a hundred lines in a second.
func TestLogIsLimited(t *testing.T) {
	var log []string
	p := mustLoad(t, `return {
  key = function(load) return load end,
  on_select = function(pe) print("line", pe.selections) log.warn(("x"):rep(5000)) end,
}`, Options{Log: func(l Level, text string) { log = append(log, l.String()+" "+text) }})
	s, _ := selectorOf(t, p, loaded(0))
	for range 50 {
		ids(s, 1)
	}
	if len(log) != 10 || log[0] != "info line 1" || len(log[1]) > 520 {
		t.Errorf("%d lines: %.200q", len(log), log)
	}
	idsOf(s, &engine.Request{Items: 1, Now: after(time.Second)})
	if len(log) != 13 || log[10] != "warn 90 lines of the script's log were left out" {
		t.Errorf("%d lines: %.200q", len(log), log[10:])
	}
}

// TestChanceIsThePools draws from the pool's numbers, so that a seed repeats it.
func TestChanceIsThePools(t *testing.T) {
	p := mustLoad(t, `return { key = function(selections) return random() + math.random(1, 6) end }`, Options{})
	var answers []string
	for range 2 {
		s, _ := selectorOf(t, p, loaded(0), loaded(0), loaded(0), loaded(0), loaded(0))
		var a []string
		for range 20 {
			a = append(a, ids(s, 1))
		}
		answers = append(answers, strings.Join(a, " "))
	}
	if answers[0] != answers[1] {
		t.Errorf("the same seed gave %s and %s", answers[0], answers[1])
	}
	if p.plain(nil) != nil {
		t.Error("a policy that draws is compiled")
	}
}
