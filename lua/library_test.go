package lua

import (
	"testing"
)

// TestLibrary evaluates expressions. Each is to be "want" when it is printed.
func TestLibrary(t *testing.T) {
	for _, tc := range []struct{ expression, want string }{
		{`math.huge == 1/0`, "true"},
		{`-math.huge`, "-inf"},
		{`0/0`, "nan"},
		{`math.pi > 3.14159 and math.pi < 3.1416`, "true"},
		{`math.min(3, 1, 2) .. math.max(3, 1, 2)`, "13"},
		{`math.floor(-1.5) .. " " .. math.ceil(-1.5)`, "-2 -1"},
		{`math.fmod(-5, 3) .. " " .. -5 % 3`, "-2 1"},
		{`math.deg(math.pi) .. " " .. math.rad(180) - math.pi`, "180 0"},
		{`select("#", math.modf(1.5)) .. math.modf(1.5)`, "21"},
		{`math.ldexp(0.5, 3) .. " " .. select(2, math.frexp(8))`, "4 4"},
		{`2^10 .. " " .. 7 % 3 .. " " .. 1e15 .. " " .. 0.1`, "1024 1 1e+15 0.1"},

		{`("abc"):upper() .. ("ABC"):lower() .. ("abc"):reverse() .. ("ab"):rep(3)`, "ABCabccbaababab"},
		{`("hello"):sub(2, 3) .. ("hello"):sub(-3) .. ("hello"):sub(10) .. ("hello"):sub(0, -4) .. ("hello"):sub(4, 2)`, "elllohe"},
		{`("hello"):len() .. #"hello" .. #{ 1, 2, nil, 4 }`, "554"},
		{`("abc"):byte() .. " " .. ("abc"):byte(-1) .. " " .. select("#", ("abc"):byte(1, -1)) .. " " .. select("#", ("abc"):byte(9))`, "97 99 3 0"},
		{`string.char(72, 105)`, "Hi"},
		{`select("#", ("a.b.c"):find(".", 1, true)) .. " " .. ("a.b.c"):find(".") .. " " .. ("a.b.c"):find(".", 3)`, "2 2 4"},
		{`("abc"):find("x")`, "nil"},
		{`("abc"):find("") .. " " .. ("abc"):find("", 4)`, "1 4"},
		{`string.format("%d %5.2f|%-4s|%04d|%x|%X|%o|%e|%g|%q|%c|%%|%i|%u", 5, 1.255, "ab", 7, 255, 255, 8, 1.5, 0.5, "q", 65, 3, 4)`,
			`5  1.25|ab  |0007|ff|FF|10|1.500000e+00|0.5|"q"|A|%|3|4`},
		{`string.format("%s %s %s", nil, true, {})`, "nil true table"},

		{`table.concat({ 1, 2, "x" }, "-") .. table.concat({}) .. table.concat({ 1, 2, 3 }, ",", 2) .. table.concat({ 1, 2, 3 }, ",", 2, 2)`, "1-2-x2,32"},
		{`(function() local t = { 3, 1, 2 } table.sort(t) return table.concat(t) end)()`, "123"},
		{`(function() local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()`, "321"},
		{`(function() local t = { 1, 2 } table.insert(t, 3) table.insert(t, 1, 0) return table.concat(t) .. table.remove(t) .. table.remove(t, 1) .. #t end)()`, "0123302"},
		{`(function() local t = { 1, 2, 3, nil, 5 } return #t .. table.maxn(t) .. table.getn({ 1 }) end)()`, "551"},
		{`tostring(table.remove({}))`, "nil"},

		{`tonumber("0x10") .. tonumber(" 5 ") .. tonumber("1e2") .. tonumber("ff", 16) .. tonumber("-0.5") .. tonumber(7)`, "16510" + "0255-0.57"},
		{`tostring(tonumber("abc")) .. tostring(tonumber("")) .. tostring(tonumber({})) .. tostring(tonumber("inf")) .. tostring(tonumber("nan"))`, "nilnilnilnilnil"},
		{`tostring(nil) .. tostring(true) .. tostring({}) .. tostring(print) .. tostring(1.5)`, "niltruetablefunction1.5"},
		{`tostring(setmetatable({}, { __tostring = function() return "me" end }))`, "me"},
		{`select(2, "a", "b", "c") .. select(-1, "a", "b") .. select("#") .. select("#", nil, nil)`, "bb02"},
		{`select("#", unpack({ 1, 2, 3 })) .. unpack({ 1, 2, 3 }, 2)`, "32"},
		{`type(nil) .. type(1) .. type("") .. type({}) .. type(type) .. type(true)`, "nilnumberstringtablefunctionboolean"},
		{`rawequal("a", "a") and rawequal(1, 1) and not rawequal({}, {})`, "true"},
		{`rawget(setmetatable({}, { __index = { a = 1 } }), "a")`, "nil"},
		{`next({}) == nil and next({ 5 }) == 1`, "true"},
		{`(function() local s = "" for k, v in pairs({ 1, 2, a = 3 }) do s = s .. k .. v end return s end)()`, "1122a3"},
		{`(function() local s = "" for i, v in ipairs({ 1, 2, nil, 4 }) do s = s .. i .. v end return s end)()`, "1122"},
		{`(function() local n = 0 for k in pairs(math) do n = n + 1 end return n > 20 end)()`, "true"},
		{`(function() local ok, e = pcall(error, "x") return tostring(ok) .. e end)()`, "falselibrary.lua:1: x"},
		{`(function() local ok, e = pcall(error, { 5 }) return e[1] end)()`, "5"},
		{`(function() local ok, a, b = pcall(function(...) return ... end, 1, 2) return a + b end)()`, "3"},
		{`(function() return select(2, xpcall(function() error("x", 0) end, function(e) return e .. "!" end)) end)()`, "x!"},
		{`(function() local ok, e = pcall(function() assert(false, "why") end) return e end)()`, "library.lua:1: why"},
		{`(function() local ok, e = pcall(function() assert(nil) end) return e end)()`, "library.lua:1: assertion failed!"},
		{`assert(5, "no")`, "5"},
		{`getmetatable("") == false and getmetatable({}) == nil`, "true"},
		{`setmetatable({}, { __index = function(t, k) return k .. k end }).ab`, "abab"},
		{`setmetatable({}, { __concat = function(a, b) return "c" end }) .. "x" .. "y"`, "c"},
		{`#setmetatable({}, { __len = function() return 7 end })`, "7"},
		{`(function(...) return #{ ... } .. select("#", ...) end)(1, 2, 3)`, "33"},
		{`(function(...) return arg.n end)(1, 2, 3)`, "3"},
		{`hash("a") ~= hash("b") and hash("a") == hash("a") and hash("a") >= 0 and hash("a") < 1`, "true"},
		{`(function() for i = 1, 100 do local r = random(3, 5) if r < 3 or r > 5 or random() >= 1 or random(1) ~= 1 then return "no" end end return "yes" end)()`, "yes"},
		{`_VERSION`, "Lua 5.1"},
		{`_G._G == _G and _G.math == math`, "true"},
		{`(function() x = 5 return _G.x + (rawget(_G, "x") or 0) end)()`, "10"},
	} {
		var got []string
		_, err := Load("library", "log.info("+tc.expression+")\nreturn { key = function(load) return load end }", Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
			continue
		}
		p := mustLoad(t, "return { key = function(load) return load end, on_register = function(pe) log.info("+tc.expression+") end }",
			Options{File: "library.lua", Log: func(_ Level, text string) { got = append(got, text) }})
		s, _ := selectorOf(t, p, loaded(0))
		if len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s: got %q, want %q; %v", tc.expression, got, tc.want, s.LastFault())
		}
	}
}

// TestLibraryErrors evaluates expressions that are wrong.
func TestLibraryErrors(t *testing.T) {
	for _, tc := range []struct{ expression, want string }{
		{`math.min()`, "bad argument #1 to min (number expected, got nil)"},
		{`math.floor("x")`, "bad argument #1 to floor (number expected, got string)"},
		{`random(0)`, "random from 1 to 0: the interval is empty"},
		{`random(0/0)`, "bad argument #1 to random (a number expected, got NaN)"},
		{`("x"):rep({})`, "bad argument #2 to rep (number expected, got table)"},
		{`string.char(256)`, "bad argument #1 to char (a byte expected, 0 to 255)"},
		{`string.format("%y", 1)`, `invalid format "%y"`},
		{`string.format("%", 1)`, `invalid format "%"`},
		{`string.format("%d", "x")`, "bad argument #2 to format (number expected, got string)"},
		{`table.concat({ {} })`, "invalid value (table) at index 1 in table for concat"},
		{`table.insert({}, 5, 1)`, "insert at 5 into a table of 0 values"},
		{`table.sort({ 1, "x" })`, "attempt to compare string with number"},
		{`{} .. "x"`, "attempt to concatenate a table and a string"},
		{`#5`, "attempt to get the length of a number value"},
		{`1 < "2"`, "attempt to compare number with string"},
		{`({}) < ({})`, "attempt to compare table with table"},
		{`select(0)`, "bad argument #1 to select (index out of range)"},
		{`pairs(5)`, "bad argument #1 to pairs (table expected, got number)"},
	} {
		_, err := Load("library", "local x = "+tc.expression+"\nreturn {}", Options{})
		if want := "library.lua:1: " + tc.want; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", tc.expression, err, want)
		}
	}
}
