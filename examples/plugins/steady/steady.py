#!/usr/bin/python3
"""steady is a selection policy that smooths the loads that elements report."""

import rspool_plugin as rspool


class Steady(rspool.RankPolicy):
    name = "steady"
    summary = "the least load on average, so that one report does not turn everything over"
    needs = (rspool.LOAD, rspool.DEGRADATION)
    config = (
        rspool.Attribute("smoothing", rspool.NUMBER, default=0.3, minimum=0, maximum=1,
                         help="How much a new report counts: 1 is all, 0 nothing."),
    )
    deterministic = True

    def __init__(self, pool):
        super().__init__(pool)
        self.share = pool.config["smoothing"]
        self.average = {}

    @classmethod
    def check(cls, config):
        if config["smoothing"] == 0:
            raise rspool.AttributeFault("smoothing", "0 never learns of a load", "take 0.1 for slow changes")

    def rank(self, elements):
        ranks = []
        for e in elements:
            before = self.average.get(e.id, e.load)
            self.average[e.id] = before + self.share * (e.load - before)
            ranks.append(rspool.Rank(e.id, key=self.average[e.id], step=e.degradation))
        return ranks

    def forget(self, ids):
        for id in ids:
            self.average.pop(id, None)


if __name__ == "__main__":
    rspool.serve("steady", "1.0.0", [Steady], summary="smooths the loads that elements report")
