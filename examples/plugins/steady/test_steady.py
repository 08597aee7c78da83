#!/usr/bin/python3
import unittest

import rspool_plugin as rspool
import steady


class TestSteady(unittest.TestCase):
    def policy(self, smoothing=0.5):
        return steady.Steady(rspool.Pool("EchoPool", {"smoothing": smoothing}))

    def key(self, policy, load):
        return policy.rank([rspool.Element(id=7, load=load)])[0].key

    def test_a_report_counts_in_part(self):
        p = self.policy()
        self.assertEqual([self.key(p, load) for load in (0.5, 1.0, 1.0, 0.0)], [0.5, 0.75, 0.875, 0.4375])

    def test_an_element_that_left_is_forgotten(self):
        p = self.policy()
        self.key(p, 0.5)
        p.forget([7])
        self.assertEqual(self.key(p, 1.0), 1.0)

    def test_nothing_would_be_learnt(self):
        with self.assertRaises(rspool.AttributeFault):
            steady.Steady.check({"smoothing": 0})


if __name__ == "__main__":
    unittest.main()
