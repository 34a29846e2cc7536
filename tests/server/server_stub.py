"""A plugin for the tests of the server: login by fixed tokens, routes, socket targets, a task kind, hosts and rules.

Switched by settings of its own, so that a test can have what it needs and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import peewee

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.errors import BadRequest, NotFound
from hanami_core.http.routes import Empty, Route
from hanami_core.network import NetworkState, StateHead
from hanami_core.queue import Job, Lane, Task, TaskKind
from hanami_core.settings import Setting
from hanami_core.sockets import SocketTarget
from hanami_core.storage.database import BaseModel, atomic

ADMIN = Actor("admin", "Admin", "admin", "admin", is_admin=True)
MEMBER = Actor("member", "Member", "home", "member")
TOKENS = {"good": ADMIN, "member": MEMBER}
KEY = "uuid-of-a-lane"


class Note(BaseModel):
    key = peewee.CharField(36, primary_key=True)
    value = peewee.IntegerField(default=0)


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    count: int = 0
    limit: int | None = None
    ratio: float = 0.0
    flag: bool = False
    items: list[Any] = []


class Start(msgspec.Struct, forbid_unknown_fields=True):
    cycles: int
    lane: str = "lane"
    host: str = "cpu0"
    mode: str = "count"


class One(msgspec.Struct, forbid_unknown_fields=True):
    uuid: str


@hookimpl
def hanami_settings():
    return [
        Setting("server_stub.hosts", str, "cpu0", "Names of hosts, separated by commas"),
        Setting("server_stub.admin", bool, True, "Whether there is an admin"),
        Setting("server_stub.pause", float, 0.002, "Seconds that a cycle of a task takes"),
        Setting("server_stub.key", str, "sesame", "A secret", secret=True),
    ]


@hookimpl
def hanami_models():
    return [Note]


@hookimpl
def hanami_authenticate(runtime, token):
    if token == "explode":
        raise RuntimeError("no database")
    return TOKENS.get(token)


@hookimpl
def hanami_rules(actor, action):
    return [Rule(actor.role in action.roles, "Access denied by policy")] if action.resource is None else []


@hookimpl
def hanami_admin(runtime, first):
    if first is not None:
        (runtime.settings.data_dir / "first-admin").write_text(" ".join(first[:2]))
    return runtime.settings["server_stub.admin"]


# -- routes -----------------------------------------------------------------------------------------------------------


def echo(call, request):
    return {"user": call.actor.user_id, **msgspec.structs.asdict(request)}


def fail(call, request):
    raise RuntimeError(f"secret detail {request.name}")


def missing(call, request):
    raise NotFound(f"Note with name '{request.name}' not found")


def modules(call, request):
    return {"pid": os.getpid(), "numba": "numba" in sys.modules}


def wait(call, request):
    time.sleep(min(request.ratio, 5.0))
    return {}


def large(call, request):
    return {"text": "x" * request.count}


def start(call, request):
    with atomic():
        Lane.insert(key=request.lane, host=request.host).on_conflict_replace().execute()
        task = call.runtime.queue.enqueue(request.mode, request.lane, call.actor, "a task", request, request.cycles)
    return {"uuid": task.uuid}


def state(call, request):
    task = Task.get(Task.uuid == request.uuid)
    notes = Note.get_or_none(Note.key == task.uuid)
    return {
        "state": task.state, "cycle": task.current_cycle, "cursor": task.cursor, "error": task.error,
        "fence": task.fence, "owner": task.lease_owner, "notes": notes.value if notes else 0,
    }  # fmt: skip


def abort(call, request):
    with atomic():
        call.runtime.queue.abort(Task.get(Task.uuid == request.uuid).lane, [request.uuid])
    return {}


@hookimpl
def hanami_routes(runtime):
    return [
        Route("GET", "/v1/echo", "echo.get", Fields, dict, echo),
        Route("POST", "/v1/echo", "echo.create", Fields, dict, echo),
        Route("DELETE", "/v1/echo", "echo.delete", Fields, dict, echo, roles=("admin",)),
        Route(
            "POST", "/v1/token", "token.create", Fields, dict, lambda call, request: {"token": "good"}, anonymous=True
        ),
        Route("GET", "/v1/fail", "fail.get", Fields, dict, fail),
        Route("GET", "/v1/missing", "missing.get", Fields, dict, missing),
        Route("GET", "/v1/modules", "modules.get", Empty, dict, modules),
        Route("GET", "/v1/wait", "wait.get", Fields, dict, wait),
        Route("GET", "/v1/large", "large.get", Fields, dict, large),
        Route("POST", "/v1/task", "task.create", Start, dict, start),
        Route("GET", "/v1/task", "task.get", One, dict, state),
        Route("DELETE", "/v1/task", "task.delete", One, dict, abort),
    ]


# -- tasks ------------------------------------------------------------------------------------------------------------


def count(job: Job) -> None:
    """Count up, one cycle after the other, with the state stored every 20 cycles and one note for every cycle."""
    pause = job.runtime.settings["server_stub.pause"]
    cycle = job.start
    while cycle < job.task.total_cycles:
        time.sleep(pause)
        cycle += 1
        if not job.step(cycle):
            if job.interrupted:
                store(job, cycle)
            return
        if cycle % 20 == 0:
            store(job, cycle)
    store(job, cycle, final=True)


def store(job: Job, cycle: int, final: bool = False) -> None:
    with job.commit(cycle, final=final):
        Note.insert(key=job.task.uuid, value=cycle).on_conflict_replace().execute()


def explode(job: Job) -> None:
    raise ValueError("the data is\nwrong")


def sleep(job: Job) -> None:
    """Take longer than a lease without a step."""
    time.sleep(job.task.total_cycles / 1000)
    store(job, job.task.total_cycles, final=True)


@hookimpl
def hanami_task_kinds():
    return [TaskKind("count", count), TaskKind("explode", explode), TaskKind("sleep", sleep)]


# -- sockets ----------------------------------------------------------------------------------------------------------


class EchoSession:
    def __init__(self, log: Path, name: str) -> None:
        self.log = log
        self.name = name

    def receive(self, message):
        if message == b"where":
            return self.name.encode()
        if message == b"bad":
            raise BadRequest("not like this")
        if message == b"explode":
            raise RuntimeError("secret detail")
        if message == b"freeze":
            time.sleep(600)
        if message == b"long":
            return b"x" * (8 << 20)
        return message

    def close(self):
        with self.log.open("a") as file:
            file.write(f"closed {threading.current_thread() is threading.main_thread()}\n")


class EchoTarget(SocketTarget):
    name = "echo"
    action = Action("echo.open", "PUT", "v1/echo", "write", ("admin",))

    def host(self, runtime, uuid):
        return uuid.removeprefix("at-") if uuid.startswith("at-") else None

    def open(self, runtime, access, uuid, connection):
        if uuid == "nowhere":
            raise NotFound(f"Echo with UUID '{uuid}' not found")
        if uuid == "broken":
            raise RuntimeError("secret detail")
        if uuid == "slow":
            time.sleep(0.5)
        return EchoSession(runtime.settings.data_dir / "sessions.log", runtime.compute.name)


class LiveTarget(EchoTarget):
    """Is chosen by its path, blocks, and says something of its own accord."""

    name = "live"
    path = "/live/{uuid}/{part}"
    blocking = True

    def open(self, runtime, access, uuid, connection):
        request = connection.request
        connection.send(f"{uuid} {request.parameters['part']} {request.query} {request.headers['host']}")
        return super().open(runtime, access, uuid, connection)


class BrokenTarget(LiveTarget):
    name = "broken"
    path = "/broken/{uuid"


@hookimpl
def hanami_socket_targets():
    return [EchoTarget(), BrokenTarget(), LiveTarget()]


# -- compute ----------------------------------------------------------------------------------------------------------


class StubHost:
    kind = "stub"

    def __init__(self, name: str) -> None:
        self.name = name
        self.uuid = f"00000000-0000-0000-0000-{sum(name.encode()):012d}"

    def start(self, cache):
        cache.mkdir(parents=True, exist_ok=True)


class StubNetwork:
    def __init__(self, state: NetworkState) -> None:
        self.head = state.head

    def resize(self, inputs, outputs):
        self.head.inputs.update(inputs)
        self.head.outputs.update(outputs)

    def train_one(self, inputs, outputs):
        pass

    def request_one(self, inputs):
        return {name: np.zeros(size, np.float32) for name, size in self.head.outputs.items()}

    def train(self, rows, run):
        pass

    def request(self, rows, results, run):
        pass

    def state(self):
        return NetworkState(self.head)

    def metrics(self):
        return {}


class StubRules:
    name = "section"
    host_kind = "stub"

    def refuses(self, template):
        return None

    def create(self, template, seed):
        return NetworkState(StateHead(rules=self.name, template=template, seed=seed))

    def open(self, state, host):
        return StubNetwork(state)


@hookimpl
def hanami_compute_hosts(settings):
    return [StubHost(name) for name in settings["server_stub.hosts"].split(",") if name]


@hookimpl
def hanami_network_rules():
    return [StubRules()]
