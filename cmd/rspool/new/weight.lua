-- NAME: which element gets which share of the requests?
--
-- Check this file:    rspool policy check NAME.lua
-- Use it in a pool:   policy "lua" "NAME" { source = "NAME.lua" }
--                     pool "Echo*" { policy = "lua.NAME" }

-- What the config block of the policy says, with a default.
local night_share = config.night_share or 0.5

---@type rspool.Policy
return {
  api = 1,

  -- weight says which share of the requests an element gets, in proportion to the
  -- weights of the others: elements are drawn at random. Zero means none, as long as
  -- there is anybody else. Name what it depends on as parameters: the weight is
  -- computed again when one of them changes.
  --
  --   load, degradation, weight, priority, distance    what the element registered
  --   hour, minute, weekday                            in the policy's timezone
  --   failures, last_failure, pool_size, ...           see docs/lua-policies.md
  weight = function(weight, load, hour)
    local free = weight * (1 - load)
    if hour < 6 then
      return free * night_share
    end
    return free
  end,

  -- Tests run with rspool policy check, and before a registrar takes the file over.
  -- What is not said about an element has its default.
  tests = {
    { name = "twice the weight gets twice the share",
      elements = { a = { weight = 2 }, b = { weight = 1 } },
      share = { a = { 0.60, 0.73 }, b = { 0.27, 0.40 } } },

    { name = "a full element gets nothing",
      elements = { a = { weight = 1, load = 1 }, b = { weight = 1 } },
      never = "a" },

    { name = "at night all weights shrink alike",
      at = "2026-01-05T03:00:00Z",
      elements = { a = { weight = 3 }, b = { weight = 1 } },
      share = { a = { 0.70, 0.80 } } },
  },
}
