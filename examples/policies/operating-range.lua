-- Randomized least used, scaled to the operating range.
--
-- Randomized policies draw an element with a probability in proportion to what its
-- load leaves over. Where all loads lie between 60 and 90 percent, these shares
-- differ by a factor of four at most, and much of the work still goes to the busy
-- ones. This policy stretches the range in which the pool operates to the whole.
--
-- `config` is the block of that name in the configuration:
--
--   policy "lua" "operating-range" {
--     source = "operating-range.lua"
--     config {
--       low  = 0.5    # at this load and below, an element gets a full share
--       high = 0.95   # at this load and above, next to nothing
--     }
--   }
local low = config.low or 0.5
local high = config.high or 0.95

-- What goes wrong while the file is loaded is an error of the configuration.
assert(low < high, "config.low must be less than config.high")

return {
  api = 1,

  -- `weight` instead of `key`: elements are drawn at random, in proportion. Of an
  -- answer with several elements none is drawn twice.
  weight = function(load, degradation, selections)
    local expected = load + selections * degradation
    local idle = (high - expected) / (high - low)

    -- A weight of zero would mean: only where nobody else can.
    return math.max(math.min(idle, 1), 0.001)
  end,

  tests = {
    { name = "three quarters and nothing",
      elements = { a = { load = 0.6 }, b = { load = 0.9 } },
      config = { low = 0.5, high = 0.9 },
      share = { a = { 0.99, 1 } } },

    { name = "below the range all are equal",
      elements = { a = { load = 0 }, b = { load = 0.5 } },
      share = { a = { 0.45, 0.55 }, b = { 0.45, 0.55 } } },

    { name = "within the range in proportion",
      elements = { a = { load = 0.65 }, b = { load = 0.80 } },
      share = { a = { 0.62, 0.71 } } },

    { name = "a range that is none",
      elements = { a = {} },
      config = { low = 0.9, high = 0.2 },
      error = "config.low must be less" },
  },
}
