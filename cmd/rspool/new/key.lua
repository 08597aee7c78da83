-- NAME: which element comes first, and why?
--
-- Check this file:    rspool policy check NAME.lua
-- Use it in a pool:   policy "lua" "NAME" { source = "NAME.lua" }
--                     pool "Echo*" { policy = "lua.NAME" }

-- What the config block of the policy says, with a default.
local penalty = config.penalty or 1

---@type rspool.Policy
return {
  api = 1,

  -- key says what an element is worth. The smallest number comes first; of equal
  -- elements, the one that was selected longest ago. Name what it depends on as
  -- parameters: the key is computed again when one of them changes.
  --
  --   load, degradation, weight, priority, distance    what the element registered
  --   selections                                       since it registered last
  --   failures, last_failure                           reports that it was unreachable
  --   hour, weekday, pool_size, pool_load, ...         see docs/lua-policies.md
  key = function(load, degradation, selections, failures)
    return load + selections * degradation + failures * penalty
  end,

  -- Tests run with rspool policy check, and before a registrar takes the file over.
  -- What is not said about an element has its default.
  tests = {
    { name = "the least loaded element comes first",
      elements = { busy = { load = 0.9 }, idle = { load = 0.1 } },
      expect = "idle" },

    { name = "a selection counts until the element reports its load again",
      elements = {
        { id = "a", load = 0.10, degradation = 0.2 },
        { id = "b", load = 0.15, degradation = 0.2 },
      },
      picks = 10, share = { a = { 0.5, 0.5 }, b = { 0.5, 0.5 } } },

    { name = "an element that could not be reached waits",
      elements = { a = { load = 0.1 }, b = { load = 0.5 } },
      fail = { { "a", "unreachable" } },
      expect = "b" },
  },
}
