"""Serves policies to the registrar that has started the program."""

import json
import logging
import os
import queue
import sys
import threading
import traceback
from concurrent import futures

import grpc

from . import policy as author
from . import policy_pb2 as pb

COOKIE = ("RSPOOL_POLICY_PLUGIN", "0d62b7a85e6f4bf1a1d64b6ff8d0c2f3")
SERVICE = "rserpool.policy.v1.PolicyPlugin"
REVISION = 1
MAX_ELEMENTS = 4096
MAX_POOLS = 4096  # threads are made as they are needed


def serve(name, version, policies, summary=""):
    """Runs the plugin until its registrar ends or ends it. To be called last."""
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit(f"{name} {version} is a policy plugin, which a registrar starts. To try it: rspool plugin check {sys.argv[0]}")
    if os.environ.get("PLUGIN_CLIENT_CERT"):
        sys.exit("this plugin is written in Python, which does not bring a certificate: set auto_mtls = false in its block")
    _log_as_json()
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=MAX_POOLS + 16),
        options=[("grpc.max_receive_message_length", 4 << 20), ("grpc.so_reuseport", 0)],
    )
    server.add_generic_rpc_handlers(_handlers(_Server(name, version, policies, summary)))
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or os.getcwd(), "plugin")
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|1|unix|{path}|grpc", flush=True)
    sys.stdout = sys.stderr  # where print does no harm
    if os.environ.get("RSPOOL_PLUGIN_LIFELINE") == "stdin":
        sys.stdin.buffer.read()  # until the registrar ends, however that comes about
        server.stop(0.2).wait(1)
        os._exit(0)
    server.wait_for_termination()


class _Json(logging.Formatter):
    LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR"}

    def format(self, record):
        entry = {"level": self.LEVELS.get(record.levelname, record.levelname), "msg": record.getMessage()}
        if getattr(record, "pool", None) is not None:
            entry["pool"] = record.pool
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _log_as_json():
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _handlers(s):
    def unary(function, request, reply):
        return grpc.unary_unary_rpc_method_handler(function, request.FromString, reply.SerializeToString)

    return (
        grpc.method_handlers_generic_handler(SERVICE, {
            "Describe": unary(s.describe, pb.DescribeRequest, pb.DescribeReply),
            "Validate": unary(s.validate, pb.ValidateRequest, pb.ValidateReply),
            "SelectBatch": unary(s.select_batch, pb.SelectBatchRequest, pb.SelectBatchReply),
            "Follow": grpc.stream_stream_rpc_method_handler(s.follow, pb.HostEvent.FromString, pb.PluginEvent.SerializeToString),
        }),
        # The answer of grpc.health.v1: SERVING.
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
            "Check": grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01", None, None),
        }),
    )


class _Server:
    def __init__(self, name, version, policies, summary):
        self.name, self.version, self.summary = name, version, summary
        self.policies = {p.name: p for p in policies}
        self.choosers = {}  # by stream

    def describe(self, request, context):
        return pb.DescribeReply(
            name=self.name, version=self.version, summary=self.summary, revision=REVISION,
            policies=[_info(p) for p in self.policies.values()],
        )

    def validate(self, request, context):
        policy = self._policy(request.policy, context)
        reply = pb.ValidateReply()
        try:
            policy.check(_config(request.config))
        except author.AttributeFault as e:
            reply.diagnostics.add(severity=pb.ERROR, attribute=e.attribute, summary=e.problem, detail=e.remedy)
        except ValueError as e:
            reply.diagnostics.add(severity=pb.ERROR, summary=str(e))
        return reply

    def _policy(self, name, context):
        if name not in self.policies:
            context.abort(grpc.StatusCode.NOT_FOUND, f"plugin {self.name} has no policy {name!r}")
        return self.policies[name]

    def follow(self, events, context):
        first = next(events)
        if first.WhichOneof("event") != "open":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first event is not Open")
        policy = self._policy(first.open.policy, context)
        pool = author.Pool(first.open.handle.decode("utf-8", "backslashreplace"), _config(first.open.config))
        try:
            instance = policy(pool)
        except Exception as e:
            traceback.print_exc()
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"policy {policy.name!r} does not take pool {pool.handle}: {e}")
        follower = _Follower(instance, pool, first.epoch)
        if isinstance(instance, author.ChoosePolicy):
            self.choosers[first.open.stream] = follower
        context.add_callback(lambda: follower.put(None))
        threading.Thread(target=follower.receive, args=(events,), daemon=True).start()
        try:
            yield from follower.run()
        finally:
            self.choosers.pop(first.open.stream, None)
            instance.close()

    def select_batch(self, request, context):
        follower = self.choosers.get(request.stream)
        if follower is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such stream, or its policy does not choose")
        answer = futures.Future()
        follower.put((request.requests, answer))
        return pb.SelectBatchReply(answers=answer.result(timeout=10))


class _Follower:
    """Serves one pool. The methods of the policy are called in run alone, so that a sign of life
    is given only where they return."""

    def __init__(self, instance, pool, epoch):
        self.instance, self.pool, self.epoch = instance, pool, epoch
        self.known = False  # the whole membership was received
        self.pending, self.present, self.gone = [], None, []
        self.wanted = 256
        self.inbox = queue.Queue(maxsize=8)
        pool._wake = self.wake

    def put(self, item):
        self.inbox.put(item)

    def wake(self):
        try:
            self.inbox.put_nowait("wake")
        except queue.Full:
            pass  # it is awake

    def receive(self, events):
        try:
            for e in events:
                self.put(e)
        except Exception:
            pass  # the stream has broken
        self.put(None)

    def run(self):
        while True:
            wait = self.pool._run_timers()
            try:
                item = self.inbox.get(timeout=wait)
            except queue.Empty:
                item = "wake"
            if item is None:
                return
            if isinstance(item, tuple):
                self.choose(*item)
            elif item != "wake":
                kind = item.WhichOneof("event")
                if kind == "close":
                    return
                self.epoch = max(self.epoch, item.epoch)
                yield from self.guarded(getattr(self, kind, self.alive), getattr(item, kind) if kind else None)
            stale, problems = self.pool._notes()
            for p in problems:
                yield pb.PluginEvent(epoch=self.epoch, problem=p)
            if stale and self.known:
                yield from self.guarded(self.answer, self.pool.elements())

    def guarded(self, function, argument):
        """Reports what the author's code raises; elements keep the ranks that they have."""
        try:
            yield from function(argument)
        except Exception as e:
            traceback.print_exc()
            yield pb.PluginEvent(epoch=self.epoch, problem=pb.Problem(severity=pb.ERROR, text=f"{type(e).__name__}: {e}"))

    def delta(self, d):
        if d.snapshot and self.present is None:
            self.present = set()
        members = self.pool._members
        for id in d.remove:
            if members.pop(id, None):
                self.gone.append(id)
        for p in d.upsert:
            e = author.element_of(p)
            members[e.id] = e
            self.pending.append(e)
            if self.present is not None:
                self.present.add(e.id)
        self.pool._sorted = None
        if d.more:
            return
        if self.present is not None:
            for id in [id for id in members if id not in self.present]:
                del members[id]
                self.gone.append(id)
            self.present = None
        changed, gone = self.pending, self.gone
        self.pending, self.gone, self.known = [], [], True
        if gone:
            self.instance.forget(gone)
        yield from self.answer(changed)

    def usage(self, u):
        changed = []
        for p in u.uses:
            e = self.pool._members.get(p.id)
            if e is not None:
                e.selections, e.selections_total = p.selections, p.selections_total
                e.failures, e.last_failure = p.failures, p.last_failure
                changed.append(e)
        if isinstance(self.instance, author.QueuePolicy):
            changed = []
            yield from self.alive()
        else:
            yield from self.answer(changed)

    def low_water(self, w):
        self.wanted = w.wanted
        if isinstance(self.instance, author.QueuePolicy):
            yield self.queue(False)
        else:
            yield from self.alive()

    def tick(self, t):
        yield from self.alive()

    def alive(self, _=None):
        yield pb.PluginEvent(epoch=self.epoch, alive=pb.Alive())

    def answer(self, changed):
        if isinstance(self.instance, author.QueuePolicy):
            yield self.queue(True)
        elif isinstance(self.instance, author.RankPolicy) and changed:
            yield from self.ranks(self.instance.rank(changed))
        else:
            yield from self.alive()

    def ranks(self, ranks):
        ranks = [pb.Rank(id=r.id, key=r.key, step=r.step, weight=r.weight) for r in ranks]
        ttl = int(self.instance.ttl * 1000)
        for i in range(0, max(len(ranks), 1), MAX_ELEMENTS):
            yield pb.PluginEvent(epoch=self.epoch, ranking=pb.Ranking(ranks=ranks[i:i + MAX_ELEMENTS], ttl_ms=ttl))

    def queue(self, changed):
        ids = self.instance.queue(self.pool.elements(), self.wanted, changed)
        return pb.PluginEvent(epoch=self.epoch, queue=pb.Queue(
            ids=list(ids)[:MAX_ELEMENTS], replace=changed, ttl_ms=int(self.instance.ttl * 1000)))

    def choose(self, requests, answer):
        answers = []
        try:
            for r in requests:
                request = author.Request(r.items, r.user_address, dict(r.attributes))
                answers.append(pb.Answer(ids=list(self.instance.choose(self.pool.elements(), request))))
        except Exception as e:
            traceback.print_exc()
            answer.set_exception(e)
            return
        answer.set_result(answers)


def _config(struct):
    return {name: author.plain(v) for name, v in struct.fields.items()}


def _info(p):
    info = pb.PolicyInfo(
        name=p.name, summary=p.summary, needs=list(p.needs), tags=list(p.tags),
        deterministic=p.deterministic, schema=pb.ConfigSchema(attributes=[_attribute(a) for a in p.config]),
    )
    if p.tags and pb.TAGS not in info.needs:
        info.needs.append(pb.TAGS)
    if issubclass(p, author.RankPolicy):
        info.mode, info.order = pb.RANK, p.order
    elif issubclass(p, author.QueuePolicy):
        info.mode = pb.QUEUE
    else:
        info.mode = pb.DIRECT
    return info


def _attribute(a):
    p = pb.Attribute(name=a.name, type=a.type, required=a.required, help=a.help, one_of=list(a.one_of))
    if a.minimum is not None:
        p.minimum = a.minimum
    if a.maximum is not None:
        p.maximum = a.maximum
    if a.default is not None:
        _set(p.default, a.default)
    return p


def _set(value, v):
    """Sets a google.protobuf.Value."""
    if isinstance(v, bool):
        value.bool_value = v
    elif isinstance(v, (int, float)):
        value.number_value = v
    elif isinstance(v, str):
        value.string_value = v
    elif isinstance(v, dict):
        value.struct_value.update(v)
    else:
        value.list_value.extend(list(v))
