-- NAME: which requests go to the same element?
--
-- Check this file:    rspool policy check NAME.lua
-- Use it in a pool:   policy "lua" "NAME" { source = "NAME.lua" }
--                     pool "Echo*" { policy = "lua.NAME" }

---@type rspool.Policy
return {
  api = 1,

  -- affinity says what a request is known by: those that are known by the same text or
  -- number go to the same element. Where an element comes or goes, only its own share
  -- of the requests moves.
  --
  --   user_address      of the user, as text
  --   handle            of the pool
  --   request           a table: handle, user_address, items, attributes
  affinity = function(user_address)
    return user_address
  end,

  -- With a weight, elements get shares of the requests in proportion to it.
  weight = function(weight)
    return weight
  end,

  -- Tests run with rspool policy check, and before a registrar takes the file over.
  tests = {
    { name = "a user keeps its element",
      request = { user_address = "192.0.2.7" },
      elements = { only = {} },
      picks = 100, share = { only = { 1, 1 } } },

    { name = "an element without weight is left alone",
      request = { user_address = "192.0.2.8" },
      elements = { a = { weight = 0 }, b = { weight = 1 } },
      never = "a" },
  },
}
