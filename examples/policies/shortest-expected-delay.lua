-- Shortest expected delay: what an element has to do, divided by how fast it is.
--
-- The degradation is the load that one more request adds. So the load after the next
-- request is known, and machines of different speed can be compared by the time that
-- they need for it. `speed` is a tag; machines without one have speed 1.
--
-- Elements that failed lately are slow as far as users can tell: they have to wait
-- for a timeout first. The hooks keep a penalty in `pe.data`, a table of the
-- script's own for each element, and `data` in the parameters of `key` makes keys be
-- computed again when a hook has run. It lasts until the element registers again
-- three times.
local penalty = config.penalty or 2

return {
  api = 1,
  inputs = { "speed" },

  key = function(load, degradation, selections, speed, data)
    local work = load + (selections + 1) * degradation
    return work / (speed or 1) + (data.penalty or 0)
  end,

  on_register = function(pe)
    local data = pe.data
    if data.penalty then
      data.penalty = data.penalty - penalty / 3
      if data.penalty < 0.001 then
        data.penalty = nil
        log.info("element " .. pe.id .. " is trusted again")
      end
    end
  end,

  on_failure = function(pe, reason)
    pe.data.penalty = penalty
  end,

  -- After a reload, the data of the version before is offered to the new one. What
  -- this function returns becomes the data; without it, all begin anew.
  on_upgrade = function(old)
    return old
  end,

  tests = {
    { name = "the faster of two",
      elements = {
        { id = "slow", load = 0.2, degradation = 0.1 },
        { id = "fast", load = 0.5, degradation = 0.1, tags = { speed = 4 } },
      },
      expect = "fast" },

    { name = "speed does not help a busy machine for ever",
      elements = {
        { id = "slow", load = 0.1, degradation = 0.05 },
        { id = "fast", load = 0.5, degradation = 0.1, selections = 6, tags = { speed = 4 } },
      },
      expect = "slow" },

    { name = "in the long run each gets its share",
      elements = {
        { id = "slow", degradation = 0.001 },
        { id = "fast", degradation = 0.001, tags = { speed = 3 } },
      },
      share = { fast = { 0.74, 0.76 } } },

    { name = "a failure is not forgotten at once",
      elements = {
        { id = "a", load = 0.1, degradation = 0.1 },
        { id = "b", load = 0.9, degradation = 0.1 },
      },
      fail = { { "a", "unreachable" } },
      order = { "b", "a" } },
  },
}
