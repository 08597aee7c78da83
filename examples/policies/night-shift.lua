-- At night the small site carries most of the load.
--
-- `site` is a tag: elements carry it, or the configuration gives it to them by their
-- addresses. Tags that functions name as parameters are listed in `inputs`.
--
-- `hour` makes the weights be computed again when the hour changes, in the timezone
-- that the configuration states (UTC if it states none).
local night_factor = config.night_factor or 4

return {
  api = 1,
  inputs = { "site" },

  weight = function(weight, site, hour)
    local night = hour >= 20 or hour < 6
    if site == "small" then
      return night and weight * night_factor or weight
    end
    return night and weight / night_factor or weight
  end,

  tests = {
    { name = "by day both sites are alike",
      at = "2026-01-05T12:00:00Z",
      elements = { s = { tags = { site = "small" } }, b = { tags = { site = "big" } } },
      share = { s = { 0.45, 0.55 } } },

    { name = "by night the small one gets sixteen of seventeen",
      at = "2026-01-05T23:00:00Z",
      elements = { s = { tags = { site = "small" } }, b = { tags = { site = "big" } } },
      share = { s = { 0.92, 0.96 } } },

    { name = "the evening comes while the pool is in use",
      at = "2026-01-05T19:59:30Z", after = "1m",
      elements = { s = { tags = { site = "small" } }, b = { tags = { site = "big" } } },
      share = { s = { 0.92, 0.96 } } },

    { name = "an element without a site belongs to the big one",
      at = "2026-01-05T23:00:00Z",
      elements = { s = { tags = { site = "small" } }, b = {} },
      share = { s = { 0.92, 0.96 } } },
  },
}
