-- NAME: whom to choose, given everybody?
--
-- Check this file:    rspool policy check NAME.lua
-- Use it in a pool:   policy "lua" "NAME" { source = "NAME.lua" }
--                     pool "Echo*" { policy = "lua.NAME" }
--
-- This form looks at the whole pool for each request. A key or a weight costs a
-- hundredth of it in a pool of a thousand: prefer those where they will do.

---@type rspool.Policy
return {
  api = 1,

  -- Larger pools go to the next policy of the chain.
  max_elements = 256,

  -- select returns a list of elements, best first. The pool is a list of elements in
  -- the order in which they registered; n is how many are wanted; request has handle,
  -- user_address, items and attributes.
  select = function(pool, n, request)
    local best = {}
    for _, pe in ipairs(pool) do
      if pe.load < 1 then
        best[#best + 1] = pe
      end
    end
    table.sort(best, function(a, b)
      if a.load ~= b.load then
        return a.load < b.load
      end
      return a.selections_total < b.selections_total
    end)
    return best
  end,

  -- Tests run with rspool policy check, and before a registrar takes the file over.
  tests = {
    { name = "the least loaded comes first",
      elements = { a = { load = 0.5 }, b = { load = 0.2 }, c = { load = 0.8 } },
      order = { "b", "a", "c" } },

    { name = "equals take turns",
      elements = { a = {}, b = {} },
      picks = 10, share = { a = { 0.5, 0.5 } } },

    { name = "full elements are left out",
      elements = { a = { load = 1 }, b = {} },
      never = "a" },
  },
}
