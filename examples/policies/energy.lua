-- Fill busy machines up to a ceiling, so that idle ones can sleep.
--
-- This is the opposite of least used: below the ceiling, the busiest element comes
-- first. Above it, elements are the last resort, the least busy first.
local ceiling = config.max_load or 0.8

return {
  api = 1,

  key = function(load, degradation, selections)
    local expected = load + selections * degradation
    if expected >= ceiling then
      return 1 + expected
    end
    return 1 - expected
  end,

  tests = {
    { name = "packs",
      elements = { idle = { load = 0 }, warm = { load = 0.5 }, full = { load = 0.95 } },
      expect = "warm" },

    { name = "wakes a machine rather than overload one",
      elements = { idle = { load = 0 }, full = { load = 0.95 } },
      expect = "idle" },

    { name = "fills up one after the other",
      elements = {
        { id = "a", load = 0.55, degradation = 0.1 },
        { id = "b", load = 0, degradation = 0.1 },
      },
      picks = 10, share = { a = { 0.3, 0.3 }, b = { 0.7, 0.7 } } },

    { name = "has a ceiling of its own in the configuration",
      config = { max_load = 0.4 },
      elements = { idle = { load = 0 }, warm = { load = 0.5 } },
      expect = "idle" },
  },
}
