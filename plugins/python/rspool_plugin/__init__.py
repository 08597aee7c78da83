"""Policy plugins for rspool in Python: describe a policy, implement rank, call serve.

The program is started by a registrar, which sorts the elements of a pool by the ranks
and selects by itself:

    import rspool_plugin as rspool

    class LeastLoad(rspool.RankPolicy):
        name = "least-load"
        needs = (rspool.LOAD,)

        def rank(self, elements):
            return [rspool.Rank(e.id, key=e.load) for e in elements]

    rspool.serve("example", "1.0.0", [LeastLoad])

It needs the packages grpc and protobuf (Debian: python3-grpcio, python3-protobuf), and
auto_mtls = false in the plugin's block.
"""

from .policy import (
    ADDRESSES,
    BOOL,
    BY_KEY,
    BY_PACE,
    BY_WEIGHT,
    DEGRADATION,
    DISTANCE,
    DURATION,
    FAILURES,
    FILE,
    INTEGER,
    LIST_OF_NUMBERS,
    LIST_OF_STRINGS,
    LOAD,
    MAP_OF_NUMBERS,
    MAP_OF_STRINGS,
    NUMBER,
    PRIORITY,
    SELECTIONS,
    STRING,
    TAGS,
    WEIGHT,
    Attribute,
    AttributeFault,
    ChoosePolicy,
    Element,
    Pool,
    QueuePolicy,
    Rank,
    RankPolicy,
    Request,
    seconds,
)
from .server import serve
