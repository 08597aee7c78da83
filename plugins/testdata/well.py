#!/usr/bin/python3
"""A plugin for tests: the Python twin of the well-behaved one."""

import rspool_plugin as rspool


class Least(rspool.RankPolicy):
    name = "least"
    summary = "the least load"
    needs = (rspool.LOAD, rspool.DEGRADATION)
    config = (rspool.Attribute("factor", rspool.NUMBER, default=1.0, minimum=0),)

    def __init__(self, pool):
        super().__init__(pool)
        if pool.config["factor"] == 666:
            raise ValueError("the devil is in it")
        pool.log.info("pool is open")

    @classmethod
    def check(cls, config):
        if config["factor"] == 13:
            raise rspool.AttributeFault("factor", "it is unlucky", "take 12")

    def rank(self, elements):
        if any(e.load == int(0.99 * 2**32) / 2**32 for e in elements):
            raise RuntimeError("load of 0.99")
        f = self.pool.config["factor"]
        return [rspool.Rank(e.id, key=e.load * f, step=e.degradation * f) for e in elements]


class InTurn(rspool.QueuePolicy):
    name = "in-turn"

    def __init__(self, pool):
        super().__init__(pool)
        self.next = 0

    def queue(self, elements, n, changed):
        ids = [elements[(self.next + i) % len(elements)].id for i in range(n)] if elements else []
        self.next += len(ids)
        return ids


class First(rspool.ChoosePolicy):
    name = "first"

    def choose(self, elements, request):
        return [e.id for e in elements[: request.items]]


rspool.serve("well-behaved", "1.4.2", [Least, InTurn, First])
