-- The same pool user keeps getting the same element, as long as it is there.
--
-- `affinity` says what a request is told by. The rest is done for it: elements and
-- requests lie on a ring of hashes, and a request goes to the next element on the
-- ring. Where an element joins or leaves, only its share of the users moves.
return {
  api = 1,

  -- More points on the ring make the shares more even, and changes slower.
  ring = { points = 100 },

  affinity = function(user_address, handle)
    return user_address .. "/" .. handle
  end,

  -- The share of the ring that an element gets, in proportion to the others.
  -- Without this function all have the same.
  weight = function(weight)
    return weight
  end,

  tests = {
    { name = "one user stays with one element",
      elements = { a = {}, b = {}, c = {} },
      request = { user_address = "192.0.2.7" },
      share = { a = { 0, 0 }, b = { 1, 1 }, c = { 0, 0 } } },

    { name = "another user may have another one",
      elements = { a = {}, b = {}, c = {} },
      request = { user_address = "192.0.2.8" },
      share = { a = { 1, 1 }, b = { 0, 0 }, c = { 0, 0 } } },

    { name = "an element of weight zero has no users",
      elements = { a = { weight = 0 }, b = { weight = 1 } },
      request = { user_address = "192.0.2.7" },
      never = "a" },
  },
}
