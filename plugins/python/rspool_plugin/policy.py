"""What authors of policies write and are given."""

import collections
import logging
import re
import threading
import time

from . import policy_pb2 as pb

# Fields of an element that a policy may need.
LOAD = pb.LOAD
DEGRADATION = pb.DEGRADATION
WEIGHT = pb.WEIGHT
PRIORITY = pb.PRIORITY
DISTANCE = pb.DISTANCE
SELECTIONS = pb.SELECTIONS
FAILURES = pb.FAILURES
ADDRESSES = pb.ADDRESSES
TAGS = pb.TAGS

# Orders: which numbers of a Rank count.
BY_KEY = pb.KEY  # the least key, to which each selection since registration adds step
BY_PACE = pb.PACE  # in turn, each selection moving on by step, above 0 and at most 1
BY_WEIGHT = pb.DRAW  # at random in proportion to weight

# Types of attributes.
STRING = pb.Attribute.STRING
NUMBER = pb.Attribute.NUMBER
INTEGER = pb.Attribute.INTEGER
BOOL = pb.Attribute.BOOL
DURATION = pb.Attribute.DURATION
LIST_OF_STRINGS = pb.Attribute.LIST_OF_STRINGS
LIST_OF_NUMBERS = pb.Attribute.LIST_OF_NUMBERS
MAP_OF_STRINGS = pb.Attribute.MAP_OF_STRINGS
MAP_OF_NUMBERS = pb.Attribute.MAP_OF_NUMBERS
FILE = pb.Attribute.FILE

Attribute = collections.namedtuple(
    "Attribute", "name type required default help one_of minimum maximum", defaults=(STRING, False, None, "", (), None, None)
)
Attribute.__doc__ = """One line of a config block, which the registrar checks before the plugin sees it.

A required attribute has no default. one_of are the only values of a STRING, minimum and
maximum bound a NUMBER or an INTEGER. A FILE is a path, made absolute by the registrar."""

Rank = collections.namedtuple("Rank", "id key step weight", defaults=(0.0, 0.0, 0.0))
Rank.__doc__ = """What an element is worth, see the orders. Infinity as key or step, and zero as weight,
say that it cannot serve."""

Request = collections.namedtuple("Request", "items user_address attributes")


class AttributeFault(ValueError):
    """Raised by check: what is wrong with one attribute, and what to do about it."""

    def __init__(self, attribute, problem, remedy=""):
        super().__init__(f"{attribute}: {problem}")
        self.attribute, self.problem, self.remedy = attribute, problem, remedy


class Element:
    """An element of a pool. Fields that the policy does not need are zero or empty."""

    __slots__ = (
        "id",  # a whole number
        "load",  # 0 to 1
        "degradation",  # load that one more selection adds
        "weight",
        "priority",
        "load_dpf",  # load added with each millisecond of distance
        "weight_dpf",  # share of the weight lost with each millisecond of distance
        "distance",  # seconds
        "selections",  # since it registered last
        "selections_total",  # since it joined the pool
        "failures",  # reports that it could not be reached
        "last_failure",  # Unix seconds, 0: never
        "addresses",
        "transport",
        "tags",  # strings, numbers and booleans by name
    )

    def __init__(self, id, load=0.0, degradation=0.0, weight=1, priority=0, load_dpf=0.0, weight_dpf=0.0,
                 distance=0.0, selections=0, selections_total=0, failures=0, last_failure=0.0,
                 addresses=(), transport="", tags=None):
        self.id, self.load, self.degradation, self.weight, self.priority = id, load, degradation, weight, priority
        self.load_dpf, self.weight_dpf, self.distance = load_dpf, weight_dpf, distance
        self.selections, self.selections_total = selections, selections_total
        self.failures, self.last_failure = failures, last_failure
        self.addresses, self.transport, self.tags = addresses, transport, tags or {}

    def __repr__(self):
        return f"Element(id=0x{self.id:08x}, load={self.load}, weight={self.weight})"


def element_of(p):
    return Element(
        p.id, p.load, p.degradation, p.weight, p.priority, p.load_dpf, p.weight_dpf, p.distance / 1000,
        p.selections, p.selections_total, p.failures, p.last_failure, tuple(p.addresses), p.transport,
        {name: plain(v) for name, v in p.tags.items()},
    )


def plain(value):
    """A google.protobuf.Value as Python has it."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {k: plain(v) for k, v in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(v) for v in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration):
    """The seconds of a DURATION attribute as in "1m30s"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", duration)
    return sum(float(n) * _UNITS[unit] for n, unit in parts)


class Pool:
    """A pool that uses a policy of the plugin. In tests, Pool("", config) will do."""

    def __init__(self, handle, config=None):
        self.handle = handle
        self.config = dict(config or {})  # checked, and with the defaults filled in
        self.log = logging.LoggerAdapter(logging.getLogger("plugin"), {"pool": handle})
        self._members = {}
        self._sorted = None
        self._timers = []
        self._lock = threading.Lock()
        self._stale = False
        self._problems = []
        self._wake = lambda: None

    def elements(self):
        """All elements by identifier. For the methods of a policy, and what every runs."""
        if self._sorted is None:
            self._sorted = [self._members[id] for id in sorted(self._members)]
        return self._sorted

    def rerank(self):
        """Has rank, or queue, called soon for all elements. May be called from any thread."""
        with self._lock:
            self._stale = True
        self._wake()

    def every(self, interval, function):
        """Runs a function every so many seconds, never at once with a method of the policy."""
        interval = max(interval, 0.01)
        self._timers.append([time.monotonic() + interval, interval, function])

    def warn(self, text):
        """Shows a text to the operator. May be called from any thread."""
        self._report(pb.WARNING, text)

    def fail(self, text):
        """Shows a text to the operator and counts as a fault of the policy."""
        self._report(pb.ERROR, text)

    def _report(self, severity, text):
        with self._lock:
            if len(self._problems) < 16:
                self._problems.append(pb.Problem(severity=severity, text=text[:4096]))
        self._wake()

    def _notes(self):
        with self._lock:
            stale, problems = self._stale, self._problems
            self._stale, self._problems = False, []
        return stale, problems

    def _run_timers(self):
        """Runs what is due and returns the seconds until the next."""
        wait = 3600.0
        for t in self._timers:
            now = time.monotonic()
            if t[0] <= now:
                t[0] = now + t[1]
                t[2]()
            wait = min(wait, t[0] - now)
        return max(wait, 0.0)


class _Policy:
    """What all policies have. An object is made for each pool that uses the policy; an
    exception from __init__ reaches the operator, and the pool goes without."""

    name = ""  # lower case, words joined by hyphens
    summary = ""
    needs = ()  # fields of an element that are filled in
    tags = ()  # names of tags that are filled in
    config = ()  # Attributes
    ttl = 0.0  # seconds that ranks hold after the last sign of life, 0: the registrar decides
    deterministic = False

    def __init__(self, pool):
        self.pool = pool

    @classmethod
    def check(cls, config):
        """Looks at a config block that fits the schema; raises AttributeFault or ValueError."""

    def forget(self, ids):
        """Hears who left."""

    def close(self):
        """Hears that the pool is no longer followed."""


class RankPolicy(_Policy):
    """Tells what elements are worth. Methods are called one at a time."""

    order = BY_KEY

    def rank(self, elements):
        """The Ranks of elements that are new or have changed, or of all after Pool.rerank."""
        raise NotImplementedError


class QueuePolicy(_Policy):
    """Tells whom to select next. Methods are called one at a time."""

    def queue(self, elements, n, changed):
        """About n identifiers in the order in which they are to be selected."""
        raise NotImplementedError


class ChoosePolicy(_Policy):
    """Answers each request by itself, which is for experiments. Methods are called one at a time."""

    def choose(self, elements, request):
        """Up to request.items identifiers, best first."""
        raise NotImplementedError
