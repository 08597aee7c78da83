-- The power of two choices: of two elements drawn at random, the less loaded one.
--
-- Where many registrars select among the same elements, and each knows the loads of
-- a while ago, all of them would send their users to the one element that was least
-- loaded then. Looking at two only spreads them, and is still nearly as good.
return {
  api = 1,

  -- The number of different elements looked at. A smaller pool is looked at whole.
  sample = 2,

  key = function(load, degradation, selections)
    return load + selections * degradation
  end,

  tests = {
    { name = "of two, the less loaded",
      elements = { a = { load = 0.3 }, b = { load = 0.2 } },
      expect = "b" },

    { name = "the most loaded of all is never the better one",
      elements = { a = { load = 0.1 }, b = { load = 0.2 }, c = { load = 0.9 } },
      never = "c" },

    { name = "the least loaded has two thirds",
      elements = { a = { load = 0.1 }, b = { load = 0.2 }, c = { load = 0.9 } },
      picks = 3000, share = { a = { 0.63, 0.70 }, b = { 0.30, 0.37 } } },
  },
}
