"""A server without HTTP: the data plugins on a real database, with a stub for logins and rules."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from hanami_core import hookimpl
from hanami_core.access import Access, Action, Actor, Rule
from hanami_core.datasets import TableWriter
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketSession
from hanami_core.storage.database import atomic
from hanami_core.testing.prepared import prepare
from hanami_core.testing.sockets import RecordedConnection
from hanami_core.testing.workers import worker
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import add_result, finalise_result
from tests import direct
from tests.server.harness import until

PLUGINS = ("database_sqlite", "blobs_files", "uploads", "datasets", "format_mnist", "format_csv", "api_v1_0alpha")
CHUNK = 131_072

ADMIN = Actor("boss", "boss", "admin", "admin", is_admin=True)
MEMBER = Actor("tsugumi", "tsugumi", "room", "member")
OTHER = Actor("mallory", "mallory", "room", "member")
ELSEWHERE = Actor("tsugumi", "tsugumi", "attic", "member")


class Everybody:
    """A scheme that takes everybody for the same member."""

    name = "token"

    def identify(self, request: object) -> Actor:
        return MEMBER


def stub() -> ModuleType:
    """Return a plugin that lets everybody in, and shows admins everything and others what is theirs."""

    def rules(actor: Actor, action: Action) -> Iterable[Rule]:
        model = action.resource
        if model is None:
            return [Rule(True)]
        own = (model.owner_id == actor.user_id) & (model.project_id == actor.project_id)  # type: ignore[attr-defined]
        return [Rule(True, where=(model.status == "active") if actor.is_admin else own)]

    module = ModuleType("stub")
    vars(module)["hanami_access_rules"] = hookimpl(rules, specname="hanami_access_rules")
    vars(module)["hanami_authenticators"] = hookimpl(lambda: [Everybody()], specname="hanami_authenticators")
    return module


def host(*more: EntryPoint) -> PluginHost:
    """Load the data plugins and the stub."""
    points = [EntryPoint(n, "hanami", "0", lambda n=n: import_module(f"hanami_plugins.{n}")) for n in PLUGINS]
    return PluginHost([*points, EntryPoint("stub", "stub", "0", stub), *more])


def message(position: int, data: bytes) -> bytes:
    """Return a `FileUpload_Message`, made by hand from the wire format of protobuf."""
    return (b"\x08" + varint(position) if position else b"") + b"\x12" + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Return a number the way protobuf writes it."""
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*digits, number))


class Site:
    """An open runtime, its routes, its sockets and a worker."""

    def __init__(self, directory: Path, *more: EntryPoint, role: Any = "migrate", **flags: object) -> None:
        """Open a data directory; flags are settings with ``__`` for the dot."""
        settings = {name.replace("__", "."): value for name, value in flags.items()}
        prepare(directory)
        self.runtime = Runtime.open(directory, role, settings, {}, host(*more))
        self.routes = {bound.key: bound for bound in self.runtime.routes}
        self._ends = contextlib.ExitStack()
        self._ends.callback(self.runtime.close)
        self.worker = self._ends.enter_context(worker(self.runtime))

    def __enter__(self) -> Site:
        """Return the site."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the runtime."""
        self._ends.close()

    def call(self, method: str, path: str, /, actor: Actor = MEMBER, **fields: Any) -> Any:
        """Return the answer of a route below ``/v1.0alpha/dataset``, checked against what the route declares."""
        return direct.call(self.runtime, actor, method, f"/dataset{path}", **fields)

    def announce(self, format_name: str, actor: Actor = MEMBER, **parts: bytes) -> dict[str, str]:
        """Begin an upload and return its answer."""
        sizes = {f"{part}_data_size": len(content) for part, content in parts.items()}
        answer: dict[str, str] = self.call("POST", f"/upload/{format_name}", actor, name="some data", **sizes)
        return answer

    def socket(self, uuid: str, actor: Actor = MEMBER) -> SocketSession:
        """Open a socket for a file."""
        target = self.runtime.targets["file_upload"]
        access = Access(actor, target.action, self.runtime.plugins.access_rules)
        access.require()
        return target.open(self.runtime, access, uuid, RecordedConnection())

    def send(self, uuid: str, content: bytes, actor: Actor = MEMBER, chunk: int = CHUNK) -> None:
        """Send a file the way the released clients do."""
        session = self.socket(uuid, actor)
        for position in range(0, len(content), chunk):
            assert session.receive(message(position, content[position : position + chunk])) == b"\x08\x01"
        session.close()

    def finish(
        self, format_name: str, announced: Mapping[str, str], actor: Actor = MEMBER, *, settles: bool = True
    ) -> Any:
        """Finalise an upload, and wait for the worker if it settles soon."""
        files = {name: uuid for name, uuid in announced.items() if name.startswith("uuid")}
        answer = self.call("PUT", f"/upload/{format_name}", actor, **files)
        if settles and self.runtime.settings["datasets.wait"]:
            # The answer may come a moment before the worker has removed what it needs no longer.
            until(lambda: not self.worker.count)
        return answer

    def upload(self, format_name: str, actor: Actor = MEMBER, **parts: bytes) -> str:
        """Upload files and return the dataset's uuid."""
        announced = self.announce(format_name, actor, **parts)
        for part, content in parts.items():
            self.send(announced[f"uuid_{part}_file"], content, actor)
        self.finish(format_name, announced, actor)
        return announced["uuid"]


def idx(values: np.ndarray) -> bytes:
    """Return an array of bytes as an idx file."""
    return struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def digits(count: int, rows: int = 4, columns: int = 3) -> dict[str, bytes]:
    """Return random images with random labels as idx files."""
    chance = np.random.default_rng(count)
    images = chance.integers(0, 256, (count, rows, columns))
    return {"input": idx(images), "label": idx(chance.integers(0, 10, count))}


def tree(directory: Path) -> set[str]:
    """Return the names of all files below a directory, without those of the database."""
    names = (str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    return {name for name in names if not name.startswith(("hanami.db", "run/"))}


def stored(runtime: Runtime, **columns: np.ndarray) -> str:
    """Store a table, which belongs to the owner of the first cluster, and return its uuid."""
    owner = Cluster.get()
    with runtime.blobs.staging() as path:
        with TableWriter(path) as table:
            table.begin({name: values.shape[1] for name, values in columns.items()}, np.float32)
            table.append(np.concatenate(list(columns.values()), axis=1).astype(np.float32))
        shape = finalise_result(runtime, path)
        owned = {"owner_id": owner.owner_id, "project_id": owner.project_id}
        with atomic():
            uuid = new_uuid()
            add_result(runtime, uuid=uuid, name="table", staged=path, shape=shape, **owned)
    return uuid
