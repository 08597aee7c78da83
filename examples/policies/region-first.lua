-- Least used among the elements that may serve this user.
--
-- A filter is asked about the elements in the order of `key`, until enough of them
-- have passed; so it costs little in large pools. It may look at the request: what
-- the user says of itself is in `request.attributes`.
--
-- Where nobody passes, the next policy of the pool's chain answers. With
--
--   pool "web" {
--     policy   = "lua.region-first"
--     fallback = ["builtin.least-used"]
--   }
--
-- users of a region without elements get those of the others.
local max_failures = config.max_failures or 3

return {
  api = 1,
  inputs = { "region" },

  -- How many elements are looked at before the filter gives up.
  max_scan = 64,

  key = function(load, degradation, selections)
    return load + selections * degradation
  end,

  filter = function(pe, request)
    return pe.region == request.attributes.region and pe.failures < max_failures
  end,

  tests = {
    { name = "the least loaded of the region",
      request = { attributes = { region = "eu" } },
      elements = {
        { id = "a", load = 0.1, tags = { region = "us" } },
        { id = "b", load = 0.6, tags = { region = "eu" } },
        { id = "c", load = 0.3, tags = { region = "eu" } },
      },
      order = { "c", "b" } },

    { name = "failing elements are left alone",
      request = { attributes = { region = "eu" } },
      elements = {
        { id = "b", load = 0.6, tags = { region = "eu" } },
        { id = "c", load = 0.3, tags = { region = "eu" } },
      },
      fail = { { "c", "unreachable" }, { "c", "unreachable" }, { "c", "keepalive" } },
      expect = "b" },

    { name = "nobody in the region: the next policy of the chain decides",
      request = { attributes = { region = "asia" } },
      elements = { { id = "a", tags = { region = "us" } } },
      expect = {} },
  },
}
