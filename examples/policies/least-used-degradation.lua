-- Least used, with degradation: the policy of RFC 5356, section 5.2.
--
-- A policy is a file that returns a table. Its function `key` says what an element
-- is worth: the smallest key is selected first, and of equals the one that was
-- selected longest ago.
--
-- The names of the parameters say what the function needs. Here these are the load
-- and the degradation that the element registered, and how often it was selected
-- since. Because `selections` is among them, the key of an element is computed
-- again after each of its selections; without that name it would not be.
return {
  api = 1,

  key = function(load, degradation, selections)
    return math.min(load + selections * degradation, 1)
  end,

  -- Tests run with `rspool policy test`, and before each reload. What an element
  -- does not state has its default: no load, weight 1, never selected.
  tests = {
    { name = "the idle element wins",
      elements = { a = { load = 0.9 }, b = { load = 0.1 } },
      expect = "b" },

    { name = "degradation counts between two registrations",
      elements = {
        a = { load = 0.20, degradation = 0.10, selections = 3 },
        b = { load = 0.45, degradation = 0.10 },
      },
      expect = "b" },

    { name = "elements of equal load take turns",
      elements = { { id = "a" }, { id = "b" }, { id = "c" } },
      picks = 300, share = { a = { 0.33, 0.34 }, b = { 0.33, 0.34 }, c = { 0.33, 0.34 } } },

    { name = "a load does not exceed the whole",
      elements = {
        { id = "full", load = 1 },
        { id = "overrun", load = 0.9, degradation = 0.5, selections = 2 },
      },
      order = { "full", "overrun" } },
  },
}
