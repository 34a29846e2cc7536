"""A plugin for the tests of the server: login by fixed tokens, routes, socket targets, a task kind, hosts and rules.

Switched by settings of its own, so that a test can have what it needs and nothing else.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import peewee

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.errors import BadRequest, NotFound, Unauthorized
from hanami_core.events import CallAllowed
from hanami_core.http import Api, Empty, File, Route
from hanami_core.processes import Process, ProcessContext
from hanami_core.queue import Job, Task, TaskKind
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.sockets import SocketTarget
from hanami_core.storage.database import BaseModel, atomic
from hanami_plugins.api_v1_0alpha import NativeApi

ADMIN = Actor("admin", "Admin", "admin", "admin", is_admin=True)
MEMBER = Actor("member", "Member", "home", "member")
TOKENS = {"good": ADMIN, "member": MEMBER}


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
    partition: str = "partition"
    host: str = "cpu0"
    mode: str = "count"


class One(msgspec.Struct, forbid_unknown_fields=True):
    uuid: str


@hookimpl
def hanami_settings():
    return [
        Setting("server_stub.hosts", str, "cpu0", "Names of hosts, separated by commas"),
        Setting("server_stub.processes", str, "", "Names of processes, separated by commas"),
        Setting("server_stub.schedules", str, "", "Names of schedules, separated by commas"),
        Setting("server_stub.admin", bool, True, "Whether there is an admin"),
        Setting("server_stub.pause", float, 0.002, "Seconds that a cycle of a task takes"),
        Setting("server_stub.key", str, "sesame", "A secret", secret=True),
    ]


@hookimpl
def hanami_models():
    return [Note]


class Tokens:
    name = "token"

    def identify(self, request):
        token = request.get_header("X-Auth-Token")
        until = request.get_header("X-Until")
        if until and Path(until).exists():
            return None
        if token == "explode":
            raise RuntimeError("no database")
        return TOKENS.get(token)


@hookimpl
def hanami_apis():
    return [
        NativeApi("/v1"),
        Api("other", "/other", schemes=("token",), server="Other/2"),
    ]


@hookimpl
def hanami_authenticators():
    return [Tokens()]


@hookimpl
def hanami_access_rules(actor, action):
    return [Rule(actor.role in action.roles, "access_denied")] if action.resource is None else []


class Directory:
    def __init__(self, runtime):
        self.runtime = runtime

    def has_admin(self):
        return self.runtime.settings["server_stub.admin"]

    def create_admin(self, id, name, secret):
        (self.runtime.settings.data_dir / "first-admin").write_text(f"{id} {name}")

    def find(self, user_id):
        return None

    def verify(self, user_id, secret, address):
        raise Unauthorized("login_denied")

    def memberships(self, account):
        return []


@hookimpl
def hanami_identity(runtime):
    return Directory(runtime)


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


def key_of(call):
    return call.runtime.settings["server_stub.key"]


def hang(call, request):
    note(call.runtime.settings.data_dir, "hangs")
    threading.Event().wait()


def seize(job: Job) -> None:
    """Keep the interpreter, as native code may that never gives it back."""
    note(job.runtime.settings.data_dir, "seizes")
    ctypes.PyDLL(None).sleep(600)


def seize_call(call, request):
    note(call.runtime.settings.data_dir, "seizes")
    ctypes.PyDLL(None).sleep(600)


@hookimpl
def hanami_event(event):
    """Hang if that is what a call is about."""
    if isinstance(event, CallAllowed) and event.endpoint.endswith("watched"):
        threading.Event().wait()


def leave(call, request):
    raise SystemExit(1)


def large(call, request):
    return {"text": "x" * request.count}


def start(call, request):
    with atomic():
        queue = call.runtime.queue
        if request.host and not queue.has_partition(request.partition):
            queue.create_partition(request.partition, request.host)
        task = queue.enqueue(request.mode, request.partition, call.actor, "a task", request, request.cycles)
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
        call.runtime.queue.abort(Task.get(Task.uuid == request.uuid).partition, [request.uuid])
    return {}


def upload(call, request):
    return {"bytes": sum(map(len, call.body))}


def file(call, request):
    """Send a file of the data directory, and note that it was sent."""
    data_dir = call.runtime.settings.data_dir
    path = data_dir / request.name
    return File(path, name=request.name, remove=request.flag, done=lambda: note(data_dir, "sent"))


def created(call, request):
    if request.flag:
        call.resp.status = 202
    return {"made": request.name}


@hookimpl
def hanami_routes(runtime):
    return [
        Route("GET", "/file", "file.get", Fields, File, file, api="other"),
        Route("HEAD", "/file", "file.get", Fields, File, file, api="other"),
        Route("GET", "/maybe", "maybe.get", Fields, None, lambda call, request: request.name or None),
        Route("GET", "/maybe", "maybe.get", Fields, None, lambda call, request: request.name or None, api="other"),
        Route("PATCH", "/made/{name}", "made.change", Fields, dict, created, api="other", status=201),
        Route("POST", "/upload", "upload.create", None, dict, upload, max_body=1 << 28),
        Route("PUT", "/upload/{name}/part", "upload.part", None, dict, upload, max_body=1 << 28),
        Route("GET", "/note", "other.get", Fields, dict, echo, api="other"),
        Route("GET", "/echo", "echo.get", Fields, dict, echo),
        Route("POST", "/echo", "echo.create", Fields, dict, echo),
        Route("DELETE", "/echo", "echo.delete", Fields, dict, echo, roles=("admin",)),
        Route("POST", "/token", "token.create", Fields, dict, lambda call, request: {"token": "good"}, anonymous=True),
        Route("GET", "/fail", "fail.get", Fields, dict, fail),
        Route("GET", "/missing", "missing.get", Fields, dict, missing),
        Route("GET", "/modules", "modules.get", Empty, dict, modules),
        Route("GET", "/wait", "wait.get", Fields, dict, wait),
        Route("GET", "/key", "key.get", Fields, dict, lambda call, request: {"text": key_of(call)}),
        Route("GET", "/hang", "hang.get", Fields, dict, hang),
        Route("POST", "/watched", "watched.create", Fields, dict, echo),
        Route("GET", "/seize", "seize.get", Fields, dict, seize_call),
        Route("GET", "/leave", "leave.get", Fields, dict, leave),
        Route("GET", "/large", "large.get", Fields, dict, large),
        Route("POST", "/task", "task.create", Start, dict, start),
        Route("GET", "/task", "task.get", One, dict, state),
        Route("DELETE", "/task", "task.delete", One, dict, abort),
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


def stubborn(job: Job) -> None:
    """Succeed at the third attempt."""
    if job.task.attempts < 3:
        raise OSError(f"attempt {job.task.attempts} failed")
    store(job, job.task.total_cycles, final=True)


def lethal(job: Job) -> None:
    job.step(500)
    os.kill(os.getpid(), 9)


def poison(job: Job) -> None:
    os._exit(9)


def quits(job: Job) -> None:
    sys.exit("enough")


def deadlock(job: Job) -> None:
    threading.Event().wait()


@hookimpl
def hanami_task_kinds():
    return [
        TaskKind("count", count),
        TaskKind("explode", explode),
        TaskKind("sleep", sleep),
        TaskKind("background", count, runs_on="worker"),
        TaskKind("stubborn", stubborn, runs_on="worker", retries=2),
        TaskKind("lethal", lethal),
        TaskKind("poison", poison, runs_on="worker", crashes=1),
        TaskKind("quits", quits),
        TaskKind("background quits", quits, runs_on="worker"),
        TaskKind("seize", seize, crashes=0),
        TaskKind("background seize", seize, runs_on="worker", crashes=0),
        TaskKind("deadlock", deadlock, runs_on="worker", crashes=0),
    ]


# -- background -------------------------------------------------------------------------------------------------------


def note(data_dir: Path, name: str) -> None:
    with (data_dir / name).open("a") as file:
        file.write(f"{os.getpid()}\n")


def good(context: ProcessContext) -> None:
    assert context.settings["server_stub.processes"]
    assert context.runtime.role == "process"
    note(context.data_dir, "good.pids")
    context.ready()
    context.stop.wait()
    note(context.data_dir, "good.ended")


def late(context: ProcessContext) -> None:
    note(context.data_dir, "late.pids")
    context.stop.wait()


def dies(context: ProcessContext) -> None:
    note(context.data_dir, "dies.pids")
    raise RuntimeError("no mail server")


def orphans(context: ProcessContext) -> None:
    subprocess.run(["sh", "-c", "sleep 600 & echo $! >orphan.pid"], cwd=context.data_dir, check=True)
    context.stop.wait()


PROCESSES = {
    "good": Process("good", "server_stub:good"),
    "late": Process("late", "server_stub:late", ready=0.2),
    "dies": Process("dies", "server_stub:dies"),
    "orphans": Process("orphans", "server_stub:orphans"),
    "missing": Process("missing", "server_stub:no_such_function"),
    "program": Process("program", command=("sleep", "600")),
}


@hookimpl
def hanami_processes(settings):
    return [PROCESSES[name] for name in settings["server_stub.processes"].split(",") if name]


def fail_at_first(runtime):
    note(runtime.settings.data_dir, "fails")
    if len((runtime.settings.data_dir / "fails").read_text().split()) < 3:
        raise OSError("the disk is full")


def overrun(runtime):
    note(runtime.settings.data_dir, "overruns")
    time.sleep(600)


SCHEDULES = {
    "ticks": Schedule("server_stub.ticks", 0.1, lambda runtime: note(runtime.settings.data_dir, "ticks")),
    "fails": Schedule("server_stub.fails", 0.1, fail_at_first),
    "overruns": Schedule("server_stub.overruns", 0.1, overrun),
}


@hookimpl
def hanami_schedules(runtime):
    return [SCHEDULES[name] for name in runtime.settings["server_stub.schedules"].split(",") if name]


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
        if message == b"quit":
            sys.exit(3)
        if message == b"quit later":
            return self.quit_later()
        if message == b"block":
            threading.Event().wait()
        if message == b"freeze":
            time.sleep(600)
        if message == b"long":
            return b"x" * (8 << 20)
        return message

    async def quit_later(self):
        sys.exit(3)

    def close(self):
        with self.log.open("a") as file:
            file.write(f"closed {threading.current_thread() is threading.main_thread()}\n")


class EchoTarget(SocketTarget):
    name = "echo"
    action = Action("echo.open", "PUT", "echo", "write", ("admin",))

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

    def withdrawn(self, runtime, access, opened):
        """Withdraw the sockets whose uuid a file names."""
        file = runtime.settings.data_dir / "withdrawn"
        named = file.read_text().split() if file.exists() else []
        if "fail" in named:
            raise RuntimeError("the directory does not answer")
        return [one for one in opened if one.uuid in named]


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
